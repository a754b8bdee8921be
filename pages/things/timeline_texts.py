"""A timeline as texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from kpis.formatting import DASH, moment_text
from pages.runs.detail_texts import rejected_rows
from pages.thing_links import LinkedFact, approval_url, draft_url, session_url
from pages.things.frame import ThingFrame
from workbench.timelines.events import Timeline, TimelineEvent

# The property that names a thing, and the page of it.
LINKED = {"draftId": draft_url, "approvalId": approval_url}
LINKED_RUNS = ("runId", "retryOfRunId")


@dataclass(frozen=True, kw_only=True)
class TimelineEventText:
    """A row of the timeline. `session` is None where all events are of the page's own session.

    `is_raw` says that the raw event was found, `is_gone` that retention deleted it.
    """

    at: str
    at_iso: str
    group: str
    name: str
    facts: Sequence[LinkedFact]
    session: LinkedFact | None
    source: str
    is_raw: bool
    is_gone: bool


def timeline_context(
    timeline: Timeline, *, own: str, has_sessions: bool, frame: ThingFrame
) -> dict[str, Any]:
    """What _timeline.html prints. `own` is the page's own id: it is not a link on its own page."""
    return {
        "events": [
            timeline_event_text(
                event,
                own=own,
                has_sessions=has_sessions,
                kept_from=timeline.raw_kept_from,
                frame=frame,
            )
            for event in timeline.events
        ],
        "events_left_out": timeline.left_out,
        "has_sessions": has_sessions,
        "rejected": rejected_rows(timeline.rejected, zone=frame.zone, now=frame.now),
        "pruned": pruned_text(timeline, zone=frame.zone),
    }


def timeline_event_text(
    event: TimelineEvent, *, own: str, has_sessions: bool, kept_from: datetime | None, frame: ThingFrame
) -> TimelineEventText:
    group, _dot, name = event.event.partition(".")
    session = None
    if has_sessions and event.session_id:
        url = session_url(event.session_id, environment=frame.environment, near=event.at)
        session = LinkedFact(_("Session"), event.session_id, url)
    return TimelineEventText(
        at=frame.clock(event.at),
        at_iso=event.at.isoformat(),
        group=group,
        name=name.replace("_", " ") or group,
        facts=[fact_of(name, value, frame=frame) for name, value in event.ids.items() if value != own],
        session=session,
        source=event.source or DASH,
        is_raw=event.is_raw,
        is_gone=not event.is_raw and kept_from is not None and event.at < kept_from,
    )


def fact_of(name: str, value: str, *, frame: ThingFrame) -> LinkedFact:
    if name in LINKED_RUNS:
        return LinkedFact(name, value, frame.run_url(value))
    link = LINKED.get(name)
    return LinkedFact(name, value, link(value, environment=frame.environment) if link else "")


def pruned_text(timeline: Timeline, *, zone: ZoneInfo) -> str:
    """Says that raw events are gone; "" where they are not."""
    if not timeline.is_pruned or timeline.raw_kept_from is None:
        return ""
    before = moment_text(timeline.raw_kept_from, zone=zone)
    sentence = _(
        "Retention deleted the raw events before %(at)s. What they said of things is kept and shown."
    )
    return sentence % {"at": before}
