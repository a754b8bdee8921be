from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec

from benchmarks.events import make_bodies, make_events
from telemetry.intake.validation import ValidEvent, check_event

NOW = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def events(count, *, seed=1):
    return list(make_events(count, seed=seed, start=NOW - HOUR, end=NOW))


def test_every_event_is_good_and_lies_within_the_hour():
    verdicts = [check_event(event, now=NOW) for event in events(3000)]

    assert all(isinstance(verdict, ValidEvent) and not verdict.warnings for verdict in verdicts)
    assert all(NOW - HOUR <= verdict.occurred_at < NOW for verdict in verdicts)


def test_no_id_comes_twice():
    ids = [msgspec.json.decode(event)["id"] for seed in (1, 2) for event in events(3000, seed=seed)]
    assert len(set(ids)) == len(ids) == 6000


def test_the_same_seed_gives_the_same_events():
    assert events(500) == events(500)


def test_every_part_of_the_fold_has_something_to_do():
    seen = Counter(msgspec.json.decode(event)["event"] for event in events(3000))
    assert set(seen) >= {
        "workbench.session_started",
        "workbench.draft_created",
        "workbench.draft_accepted",
        "workbench.template_inserted",
        "workbench.workflow_run_completed",
        "agent.run_completed",
        "workbench.approval_completed",
        "appserver.request_completed",
    }


def test_bodies_hold_all_events_in_order():
    bodies = make_bodies(iter(events(1201)), size=500)

    held = [msgspec.json.decode(body)["events"] for body in bodies]

    assert [len(some) for some in held] == [500, 500, 201]
    assert [event for some in held for event in some] == [
        msgspec.json.decode(event) for event in events(1201)
    ]
