"""Events that the tracking plan rejects: the quarantine of the demo."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from kpis.demo.day import Event, build_event
from kpis.demo.events import DEFAULT_DAYS, DEFAULT_SEED, first_day

MISTAKEN_SESSION = "s-old-client"
# Mistakes of clients: event, properties, and how far its timestamp lies from the moment of the post.
MISTAKES: tuple[tuple[str, dict[str, Any], timedelta], ...] = (
    ("workbench.draft_archived", {"draftId": "d-1"}, timedelta()),
    ("workbench.draft_accepted", {"nodeCount": 4}, timedelta()),
    ("workbench.draft_created", {"source": "clipboard", "nodeCount": "four"}, timedelta()),
    ("workbench.chat_message_sent", {"messageLength": "long"}, timedelta()),
    ("workbench.session_ended", {"durationMs": -5}, timedelta()),
    ("workbench.chat_message_sent", {"messageLength": 12, "mood": "cheerful"}, timedelta()),
    (
        "workbench.approval_requested",
        {"toolIds": ["send_letter"], "contextType": "jo@example.com"},
        timedelta(),
    ),
    ("workbench.session_started", {}, timedelta(days=2)),
    ("workbench.session_started", {}, timedelta(days=-500)),
)


def demo_mistakes(
    *, now: datetime, days: int = DEFAULT_DAYS, seed: int = DEFAULT_SEED
) -> Iterator[tuple[datetime, Event]]:
    """Events that the tracking plan rejects, each with the moment (UTC) at which it is posted, sorted by it.

    One every second day up to now (exclusive); the same first day and seed give the same events.
    """
    start = first_day(now=now, days=days)
    for index in range(1, days, 2):
        day = start + timedelta(days=index)
        event, properties, offset = MISTAKES[index // 2 % len(MISTAKES)]
        at = datetime.combine(day, time(10, 30), UTC)
        if at < now:
            yield (
                at,
                build_event(
                    event, session=MISTAKEN_SESSION, at=at + offset, properties=properties, seed=seed
                ),
            )
