from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from kpis.demo.day import Event, moment_of
from kpis.demo.simulation import Simulation
from telemetry.plan import get_compiled_plan, get_plan

START = datetime(2026, 2, 2, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def stream(*, seconds: int, rate: int, seed: int = 1, start: datetime = START) -> list[Event]:
    """What a simulation gives, asked once a second."""
    simulation = Simulation(seed=seed, start=start)
    events: list[Event] = []
    for second in range(seconds):
        events += simulation.due(now=start + second * SECOND, least=rate * (second + 1) - len(events))
    return events


@pytest.fixture(scope="module")
def minute() -> list[Event]:
    return stream(seconds=60, rate=100)


def test_a_minute_has_every_event_of_the_plan(minute: list[Event]) -> None:
    assert {event["event"] for event in minute} == get_plan().events.keys()


def test_every_event_is_one_that_the_plan_accepts(minute: list[Event]) -> None:
    decoder = get_compiled_plan().decoder

    for event in minute:
        decoder.decode(msgspec.json.encode(event))


def test_a_minute_has_failures_retries_and_ends_of_all_kinds(minute: list[Event]) -> None:
    properties = [(event["event"], event["properties"]) for event in minute]
    states = Counter(
        values["state"] for name, values in properties if name.startswith("appserver") and "state" in values
    )

    assert {values["status"] for name, values in properties if name == "agent.run_completed"} == {
        "completed",
        "failed",
        "cancelled",
    }
    assert any(values["attempt"] > 1 for name, values in properties if name == "agent.run_started")
    assert {values["approved"] for name, values in properties if name.endswith("approval_completed")} == {
        True,
        False,
    }
    assert states.keys() >= {"ready", "restarting", "backoff", "started", "flushed", "aborted"}
    assert any("errorCategory" in values for _, values in properties)


def test_events_come_when_they_happen_and_never_before(minute: list[Event]) -> None:
    simulation = Simulation(seed=3, start=START)

    for second in range(20):
        now = START + second * SECOND
        events = simulation.due(now=now, least=20)
        assert len(events) >= 20
        assert all(moment_of(event) <= now for event in events)
        assert events == sorted(events, key=moment_of)


def test_what_has_begun_goes_on_without_new_activities() -> None:
    simulation = Simulation(seed=3, start=START)
    simulation.due(now=START, least=500)

    later = simulation.due(now=START + timedelta(minutes=5), least=0)

    assert later
    assert all(START < moment_of(event) <= START + timedelta(minutes=5) for event in later)


def test_one_seed_gives_one_stream() -> None:
    assert stream(seconds=3, rate=50) == stream(seconds=3, rate=50)
    assert stream(seconds=3, rate=50) != stream(seconds=3, rate=50, seed=2)


def test_no_event_comes_twice_also_in_a_later_simulation(minute: list[Event]) -> None:
    later = stream(seconds=3, rate=50, start=START + SECOND)

    ids = [event["id"] for event in (*minute, *later)]
    runs = [{event["properties"].get("runId") for event in events} - {None} for events in (minute, later)]

    assert len(set(ids)) == len(ids)
    assert not runs[0] & runs[1]
