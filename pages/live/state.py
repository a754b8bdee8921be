"""The state of the live page: its URL, and the links that change it."""

from dataclasses import asdict, dataclass, replace
from typing import Self
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _

from telemetry.incoming.filters import EventOutcome, IncomingFilter
from telemetry.plan.reading import MAX_EVENT_NAME_LENGTH
from telemetry.plan.values import CONTROL

# The largest id that the databases take.
MAX_ID = 2**63 - 1


class BadLiveFilter(ValueError):
    """A parameter can't be read; `field` names it."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class LiveState:
    """The parameters as they stand in the URL. An empty one leaves nothing out."""

    environment: str = ""
    outcome: str = ""
    key: str = ""
    event: str = ""
    post: str = ""

    @classmethod
    def from_query(cls, query: QueryDict) -> Self:
        names = ("environment", "outcome", "key", "event", "post")
        return cls(**{name: query.get(name, "").strip() for name in names})

    def query(self) -> str:
        """The query string; "?" where all is as by default."""
        return f"?{urlencode({name: value for name, value in asdict(self).items() if value})}"

    def with_values(self, **changes: str) -> Self:
        """With other values of some parameters, and no longer about one post."""
        return replace(self, **{"post": "", **changes})

    def in_environment(self, name: str) -> Self:
        """The same in another environment, whose keys are others."""
        return self.with_values(environment=name, key="")

    @property
    def is_filtered(self) -> bool:
        return bool(self.outcome or self.key or self.event or self.post)

    def filter(self, *, environment: str) -> IncomingFilter:
        """What is asked for in the environment. Raises BadLiveFilter."""
        if self.post:
            return IncomingFilter(environment=environment, post_id=id_of(self.post, field="post"))
        return IncomingFilter(
            environment=environment,
            key_id=id_of(self.key, field="key") if self.key else None,
            event=event_of(self.event),
            outcome=outcome_of(self.outcome),
        )


def id_of(text: str, *, field: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= MAX_ID):
        raise BadLiveFilter(_("This is a number."), field=field)
    return int(text)


def event_of(text: str) -> str:
    if len(text) > MAX_EVENT_NAME_LENGTH or CONTROL.search(text):
        raise BadLiveFilter(
            _("A name has at most %(number)s printable characters.") % {"number": MAX_EVENT_NAME_LENGTH},
            field="event",
        )
    return text


def outcome_of(text: str) -> EventOutcome | None:
    if text and text not in set(EventOutcome):
        raise BadLiveFilter(
            _("It takes one of: %(names)s.") % {"names": ", ".join(EventOutcome)}, field="outcome"
        )
    return EventOutcome(text) if text else None
