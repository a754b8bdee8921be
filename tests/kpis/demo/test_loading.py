from collections import Counter
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from kpis.demo import loading
from kpis.demo.day import Event, moment_of
from kpis.demo.events import demo_events
from kpis.demo.loading import DemoLoad, load_demo
from kpis.demo.present import present_events
from kpis.management.commands import load_demo as command
from kpis.models import Baseline, EnteredCount, Freshness, KpiBucket, Target
from kpis.reading.windows import read_windows
from kpis.registry import REGISTRY
from telemetry.models import ApiKey, Arrival, BridgeCounter, QuarantinedEvent, RawEvent
from workbench.models import AgentRun, ApprovalDecision, Draft, EventCount, Session, WorkflowRun

pytestmark = pytest.mark.django_db

TABLES = (
    ApiKey, Arrival, RawEvent, QuarantinedEvent, BridgeCounter, Session, Draft, WorkflowRun, AgentRun,
    ApprovalDecision, EventCount, KpiBucket, Target, Baseline, EnteredCount,
)  # fmt: skip
# Every kind of mistake has been made, a weekend and the Sunday's maintenance are among them.
DAYS = 19


def valid_events(*, now: datetime, days: int, loaded_at: datetime | None = None) -> list[Event]:
    """What the plan accepts of a demo that was loaded first at `loaded_at`, or just now."""
    present = present_events(at=loaded_at or now)
    return [*demo_events(now=now, days=days), *(event for event in present if moment_of(event) < now)]


def contents() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, without the ids that the database gives."""
    return {
        model.__name__: sorted(
            tuple(str(getattr(row, field.attname)) for field in model._meta.fields if field.name != "id")
            for row in model._default_manager.all()
        )
        for model in TABLES
    }


def test_all_its_events_are_accepted_and_give_every_kpi_numbers(now: datetime, admin_client: Client) -> None:
    """Its mistakes are refused, and not shown. One load for all: it takes seconds."""
    loaded = load_demo(now=now, days=DAYS)
    events = valid_events(now=now, days=DAYS)

    assert loaded == DemoLoad(
        first_day=date(2026, 1, 28),
        until=now,
        posts=loaded.posts,
        accepted=len(events),
        duplicates=0,
        rejected=9,
    )
    assert Counter(RawEvent.objects.values_list("event", flat=True)) == Counter(e["event"] for e in events)
    assert Counter(QuarantinedEvent.objects.values_list("code", flat=True)) == {
        "unknown_event": 1,
        "missing_property": 1,
        "not_in_enum": 1,
        "wrong_type": 1,
        "out_of_range": 1,
        "unknown_property": 1,
        "looks_like_pii": 1,
        "timestamp_in_future": 1,
        "timestamp_too_old": 1,
    }
    assert too_few() == set()
    assert Freshness.objects.get(environment="demo").computed_until == now
    check_that_no_refused_value_is_shown(admin_client)


def too_few() -> set[str]:
    """The KPIs whose smallest sample is not reached."""
    whole = KpiBucket.objects.filter(environment="demo", granularity="day", dimension="")
    counted = Counter(dict.fromkeys(REGISTRY, 0))
    for kpi, denominator in whole.values_list("kpi", "denominator"):
        counted[kpi] += denominator
    assert set(counted) == set(REGISTRY)
    return {slug for slug, count in counted.items() if count < REGISTRY[slug].minimum_sample}


def check_that_no_refused_value_is_shown(admin_client: Client) -> None:
    refused = QuarantinedEvent.objects.get(code="looks_like_pii")
    changelist = "/admin/telemetry/quarantinedevent/"
    for url in (changelist, f"{changelist}{refused.pk}/change/"):
        page = admin_client.get(url).content.decode()
        assert "looks_like_pii" in page
        assert "jo@example.com" not in page


def test_events_are_received_at_their_time(now: datetime) -> None:
    load_demo(now=now, days=2)
    received = list(Arrival.objects.order_by("pk").values_list("received_at", flat=True))

    assert received == sorted(received)
    assert received[0] == datetime(2026, 2, 14, 12, tzinfo=UTC)
    assert received[-1] == now


def test_a_repeated_load_changes_nothing(now: datetime) -> None:
    load_demo(now=now, days=2)
    before = contents()

    again = load_demo(now=now, days=2)

    assert (again.posts, again.accepted, again.duplicates, again.rejected) == (0, 0, 0, 0)
    assert contents() == before


def test_a_later_load_adds_what_has_happened_since(now: datetime) -> None:
    later = now + timedelta(days=1, hours=1)
    first = load_demo(now=now, days=2)

    second = load_demo(now=later, days=2)

    assert second.first_day == first.first_day
    assert second.duplicates == 0
    assert first.accepted + second.accepted == len(valid_events(now=later, days=3, loaded_at=now))


def test_an_interrupted_load_goes_on_where_it_was(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = loading.ingest_events
    left = iter(range(2))

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return ingest(*args, **kwargs)

    monkeypatch.setattr(loading, "ingest_events", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_demo(now=now, days=2)
    monkeypatch.undo()
    assert Arrival.objects.count() == 2
    resumed = load_demo(now=now, days=2)
    assert (resumed.duplicates, RawEvent.objects.count()) == (0, len(valid_events(now=now, days=2)))


def test_runs_that_are_on_at_the_first_load_have_ended_at_a_later_one(now: datetime) -> None:
    load_demo(now=now, days=2)
    open_runs = WorkflowRun.objects.filter(run_id__contains="now", completed_at=None)
    assert open_runs.filter(started_at__gte=now - timedelta(minutes=10)).count() == 4

    load_demo(now=now + timedelta(hours=1), days=2)

    assert WorkflowRun.objects.filter(run_id__contains="now").count() >= 4
    assert not open_runs.exists()


def test_the_last_four_weeks_tell_the_stories_of_the_demo(now: datetime) -> None:
    load_demo(now=now, days=60)
    readings = [reading for reading in read_windows(now=now) if reading.window == "28d"]

    assert all(reading.value is not None for reading in readings)
    assert {reading.kpi: reading.verdict for reading in readings} == {
        "template-suggestion-rate": "on_target",
        "time-to-create-workflow": "on_target",
        "workbench-adoption": "off_target",
        "template-usage-rate": "off_target",
        "workflow-success-rate": "off_target",
        "workflow-duration": "on_target",
        "approval-wait": "on_target",
        "approval-rate": "on_target",
        "agent-failure-rate": "on_target",
        # It has no target: what is too much depends on the length of the range.
        "execution-cost": None,
    }


def test_the_time_to_create_has_a_baseline_with_its_provenance(now: datetime) -> None:
    load_demo(now=now, days=2)
    (baseline,) = Baseline.objects.all()

    assert (baseline.kpi, baseline.environment) == ("time-to-create-workflow", "demo")
    assert (baseline.value, baseline.sample_size, baseline.effective_from) == (1800, 42, date(2026, 2, 14))
    assert "by hand" in baseline.method


def test_targets_are_for_the_demo_alone(now: datetime) -> None:
    load_demo(now=now, days=2)

    assert set(Target.objects.values_list("environment", flat=True)) == {"demo"}
    assert set(Target.objects.values_list("kpi", flat=True)) <= set(REGISTRY)


def test_counts_are_entered_on_fridays(now: datetime) -> None:
    load_demo(now=now, days=9)
    entered = EnteredCount.objects.order_by("date").values_list("date", "source")

    assert list(entered) == [(date(2026, 2, 13), "legacy console")]


def test_the_command_says_what_it_did() -> None:
    moment = datetime(2026, 2, 15, 12, tzinfo=UTC)
    loaded = DemoLoad(
        first_day=date(2025, 12, 18), until=moment, posts=3, accepted=20, duplicates=0, rejected=2
    )

    assert command.summary(loaded) == (
        "Loaded 20 events into the environment demo, from 2025-12-18 to 2026-02-15 12:00 UTC; "
        "2 more were rejected, as they should be, and 0 were there already."
    )


def test_the_command_says_when_there_is_nothing_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 2, 15, 12, tzinfo=UTC)
    nothing = DemoLoad(
        first_day=date(2026, 2, 1), until=moment, posts=0, accepted=0, duplicates=0, rejected=0
    )
    monkeypatch.setattr(command, "load_demo", lambda *, now: nothing)
    output = StringIO()

    call_command("load_demo", stdout=output)

    assert (
        output.getvalue() == "The environment demo is complete up to 2026-02-15 12:00 UTC: nothing to add.\n"
    )


def test_an_interrupted_command_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*, now: datetime) -> DemoLoad:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "load_demo", interrupted)
    with pytest.raises(CommandError, match="run load_demo again") as raised:
        call_command("load_demo")
    assert raised.value.returncode == 130
