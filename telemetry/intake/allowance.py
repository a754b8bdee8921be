"""Which events a key may send, where it is limited to some of the plan's."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import msgspec

from telemetry.intake.problems import MAX_PROBLEMS, Problem
from telemetry.intake.validation import RejectedEvent, ValidEvent, refuse_event
from telemetry.plan import TrackingPlan, get_plan
from telemetry.plan.codes import RejectionCode

NOT_ALLOWED = Problem(RejectionCode.UNKNOWN_EVENT, "event", "This key may not send this event.")


def refuse_others(
    events: Iterable[ValidEvent | RejectedEvent],
    *,
    posted: Sequence[bytes | msgspec.Raw | RejectedEvent],
    patterns: tuple[str, ...],
    kept: int,
) -> list[ValidEvent | RejectedEvent]:
    """The events, with a rejection in place of each that none of the patterns allows.

    `posted` are the same events as they came. An event that is rejected anyway has this problem first. The first
    `kept` rejected events have their payload.
    """
    is_allowed = matcher(patterns)
    verdicts: list[ValidEvent | RejectedEvent] = []
    for event, raw in zip(events, posted, strict=True):
        verdict = event if is_allowed(event.event) else refused(event, raw=raw, keeps=kept > 0)
        kept -= isinstance(verdict, RejectedEvent)
        verdicts.append(verdict)
    return verdicts


def refused(
    event: ValidEvent | RejectedEvent, *, raw: bytes | msgspec.Raw | RejectedEvent, keeps: bool
) -> RejectedEvent:
    if isinstance(event, ValidEvent):
        # What the plan accepted was posted as JSON.
        return refuse_event(raw, NOT_ALLOWED, keeps=keeps)  # type: ignore[arg-type]
    if event.event not in get_plan().events:
        return event
    return msgspec.structs.replace(event, problems=(NOT_ALLOWED, *event.problems)[:MAX_PROBLEMS])


def events_matching(patterns: Iterable[str], *, plan: TrackingPlan) -> set[str]:
    """The names of the plan's events that one of the patterns allows."""
    return set(filter(matcher(tuple(patterns)), plan.events))


# A key's patterns are few and stay the same, so a post compiles nothing.
@lru_cache(maxsize=256)
def matcher(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """A test whether a name is one of the names, or begins like one of the patterns that end with `.*`."""
    choices = (re.escape(pattern.removesuffix("*")) + ".*" * pattern.endswith("*") for pattern in patterns)
    return re.compile("|".join(choices)).fullmatch
