"""The state of the list of runs: its URL, and the links that change it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self, cast
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils.translation import pgettext_lazy

from kpis.run_queries import CHOICES, DEFAULT_RANGE, PARAMETERS
from web.languages import lazy_text

# What a person may add with the form, with its name on the page.
ADDED = {
    "workflow": lazy_text("Workflow"),
    "trigger": lazy_text("Trigger"),
    "error": lazy_text("Error type"),
    "agent": lazy_text("Agent"),
    "agent_error": lazy_text("Agent's error type"),
    "status": lazy_text("Status"),
    "id": lazy_text("Run id"),
    "longer": lazy_text("Longer than"),
    "shorter": lazy_text("Shorter than"),
    "from": lazy_text("From"),
    "to": cast(str, pgettext_lazy("a moment", "Before")),
}
PLACES = ("newer", "older")


@dataclass(frozen=True, kw_only=True)
class RunsState:
    """The parameters that are set, in a fixed order, with their values."""

    environment: str = ""
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def from_query(cls, query: QueryDict) -> Self:
        return cls(
            environment=query.get("environment", ""),
            values=ordered({name: query.getlist(name) for name in PARAMETERS}),
        )

    @property
    def by_name(self) -> Mapping[str, tuple[str, ...]]:
        return dict(self.values)

    def query(self) -> str:
        """The query string; "?" where all is as by default."""
        pairs = [("environment", self.environment)] if self.environment else []
        pairs += [(name, value) for name, values in self.values for value in values]
        return f"?{urlencode(pairs)}"

    def with_values(self, **changes: Iterable[str]) -> Self:
        """With other values of some parameters, at the beginning of the list."""
        kept = {name: values for name, values in self.values if name not in PLACES}
        return type(self)(environment=self.environment, values=ordered({**kept, **changes}))

    def with_added(self, name: str, value: str) -> Self:
        """With one value more, or with another one where the parameter takes one only. Dates take the range's place."""
        takes_many = name.removeprefix("not_") in CHOICES
        before = self.by_name.get(name, ()) if takes_many else ()
        changes: dict[str, Iterable[str]] = {name: dict.fromkeys((*before, value))}
        if name in {"from", "to"}:
            changes["range"] = ()
        return self.with_values(**changes)

    def without(self, name: str, value: str) -> Self:
        return self.with_values(**{name: [other for other in self.by_name.get(name, ()) if other != value]})

    def at_place(self, name: str, value: str) -> Self:
        """The page beside this one."""
        return type(self)(
            environment=self.environment, values=ordered({**self.with_values().by_name, name: [value]})
        )

    def in_environment(self, name: str) -> Self:
        return type(self)(environment=name, values=self.with_values().values)


def ordered(values: Mapping[str, Iterable[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = {name: tuple(filter(None, map(str.strip, values.get(name, ())))) for name in PARAMETERS}
    if found["range"] == (DEFAULT_RANGE,) and not found["id"]:
        found["range"] = ()
    return tuple((name, given) for name, given in found.items() if given)


def run_url(run_id: str, *, environment: str) -> str:
    """The page of a run; the list with this id alone where no path can hold the id."""
    path = run_path(run_id)
    if not path:
        return f"{reverse('runs')}?{urlencode({'environment': environment, 'id': run_id})}"
    return f"{path}?{urlencode({'environment': environment})}"


def run_path(run_id: str) -> str:
    """The path of a run's page; "" where it would lead to another page."""
    if run_id in {".", ".."} or run_id.endswith("/retry"):
        return ""
    try:
        return reverse("run", args=[run_id])
    except NoReverseMatch:
        return ""


def runs_url(*, environment: str, **values: str) -> str:
    """The list with these filters."""
    state = RunsState(
        environment=environment, values=ordered({name: [value] for name, value in values.items()})
    )
    return reverse("runs") + state.query()
