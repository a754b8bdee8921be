"""Which of an environment's newest posts and events are asked for."""

from dataclasses import dataclass
from enum import StrEnum


class EventOutcome(StrEnum):
    """What became of an event, as its post was answered. A warning's event is accepted."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WARNING = "warning"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, kw_only=True)
class IncomingFilter:
    """`key_id`, `outcome` and `post_id` None, and an empty `event`, leave none out."""

    environment: str
    key_id: int | None = None
    event: str = ""
    outcome: EventOutcome | None = None
    post_id: int | None = None

    @property
    def is_of_events(self) -> bool:
        """Whether only the events themselves tell what is asked for: their posts do not count it."""
        return bool(self.event) or self.outcome is EventOutcome.WARNING
