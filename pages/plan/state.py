"""The state of the list of events: its URL, and the links that change it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from kpis.formatting import words_of
from pages.page_controls import Link
from pages.page_request import PageState
from telemetry.plan.codes import RejectionCode
from telemetry.quality.events import EventFigures
from web.languages import lazy_text

# What the list can be narrowed to.
SHOWN = {
    "": lazy_text("All"),
    "problems": lazy_text("With problems"),
    "unsent": lazy_text("Never sent"),
    "deprecated": lazy_text("Deprecated"),
    "unplanned": lazy_text("Not in the plan"),
}
PARAMETERS = ("q", "group", "show", "code", "source", "client")
# In a URL: a client that is not known, and an event without a name. No client's name begins with it, nor an event's.
NO_NAME = "-"
MAX_SEARCH_LENGTH = 200


@dataclass(frozen=True, kw_only=True)
class PlanState:
    """What the list is narrowed to; an empty part leaves none out."""

    search: str = ""
    group: str = ""
    show: str = ""
    code: str = ""
    source: str = ""
    client: str | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Raises Http404 for a list or a code that there is not, and for what no name can have."""
        if any("\0" in value for value in query.values()):
            raise Http404("No name has this character.")
        show, code = query.get("show", ""), query.get("code", "")
        if show not in SHOWN:
            raise Http404("There is no such list of events.")
        if code and code not in list(RejectionCode):
            raise Http404("There is no such code.")
        return cls(
            search=query.get("q", "").strip()[:MAX_SEARCH_LENGTH],
            group=query.get("group", ""),
            show=show,
            code=code,
            source=query.get("source", ""),
            client=client_of(query.get("client", "")),
        )

    @property
    def parts(self) -> dict[str, str]:
        """As the URL has them; "" for each that is not set."""
        return {
            "q": self.search,
            "group": self.group,
            "show": self.show,
            "code": self.code,
            "source": self.source,
            "client": client_part(self.client),
        }

    @property
    def is_narrowed(self) -> bool:
        return any(self.parts.values())

    def shows(self, event: EventFigures) -> bool:
        return (
            self.group in {"", group_of(event.name)}
            and (not self.code or self.code in event.traffic.codes)
            and is_shown(event, show=self.show)
            and all(word in searched_text(event) for word in self.search.casefold().split())
        )


def client_of(part: str) -> str | None:
    """The client of a URL's part: None for any, "" for one that is not known."""
    return None if not part else "" if part == NO_NAME else part


def client_part(client: str | None) -> str:
    return "" if client is None else client or NO_NAME


def group_of(name: str) -> str:
    """workbench of workbench.draft_created."""
    return name.partition(".")[0]


def is_shown(event: EventFigures, *, show: str) -> bool:
    match show:
        case "problems":
            return event.has_problem
        case "unsent":
            return event.definition is not None and (event.use is None or bool(event.never_sent))
        case "deprecated":
            return event.definition is not None and bool(event.definition.deprecations)
        case "unplanned":
            return event.definition is None
    return True


def searched_text(event: EventFigures) -> str:
    """All in which a search looks: names, descriptions and the codes of what is rejected."""
    texts = [event.name, *event.traffic.codes]
    if event.definition:
        texts += [event.definition.description, event.definition.emitted_when]
        for part in event.definition.properties:
            texts += [part.name, part.description]
    return "\n".join(texts).casefold()


def group_links(names: Sequence[str], *, state: PageState, current: str) -> list[Link]:
    """A link for each area of the plan, and one for all."""
    groups = dict.fromkeys(group_of(name) for name in names)
    return [
        Link(
            label=words_of(name) or _("All areas"),
            url=state.with_extra(group=name).link(),
            is_current=name == current,
        )
        for name in ("", *groups)
    ]


def shown_links(*, state: PageState, current: str) -> list[Link]:
    return [
        Link(label=label, url=state.with_extra(show=name).link(), is_current=name == current)
        for name, label in SHOWN.items()
    ]


def event_url(name: str, *, state: PageState, **filters: str) -> str:
    """The page of the event in the same environment and range; "" for a name that no path can hold."""
    if name in {".", ".."}:
        return ""
    path = reverse("plan-event", args=[name or NO_NAME])
    return path + state.shared().with_extra(**filters).query()
