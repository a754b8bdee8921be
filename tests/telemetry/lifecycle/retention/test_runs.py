from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django.fixtures import Settings

from telemetry import tasks
from telemetry.lifecycle.retention import raw_events, runs
from telemetry.lifecycle.retention.rules import PolicyTooShort
from telemetry.models import QuarantinedEvent, RawEvent, RetentionRun, RetentionSubject
from tests import rows as made
from tests.builders import NOW
from tests.telemetry.lifecycle.retention.builders import (
    carry_through,
    day_ago,
    days_ago,
    hold,
    keep,
    prune,
    report,
    stored,
)
from tests.threads import run_together

pytestmark = pytest.mark.django_db


def no_pause(seconds: float) -> None:
    pass


def test_there_is_one_run_at_a_time() -> None:
    runs.open_run(now=NOW, requested_by="first")

    with pytest.raises(runs.RunIsOpen):
        runs.open_run(now=NOW, requested_by="second")

    carry_through(RetentionRun.objects.get())
    runs.open_run(now=NOW, requested_by="third")


def test_a_turn_ends_after_its_seconds_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_events, "ROWS_A_STEP", {"postgresql": 1, "sqlite": 1})
    stored(40, 40.1, 40.2)
    keep(30)
    runs.open_run(now=NOW, requested_by="test")

    left = []
    while runs.carry_on(now=NOW, seconds=0, pause=no_pause):
        left.append(RawEvent.objects.count())

    # Then the day is found done, all days, and the run.
    assert left[:3] == [2, 1, 0]
    assert RetentionRun.objects.get().status == "finished"


def test_a_run_that_was_interrupted_says_so_and_ends() -> None:
    stored(40, 41)
    keep(30)
    run = runs.open_run(now=NOW, requested_by="test")
    runs.carry_on(now=NOW, seconds=0, pause=no_pause)

    carry_through(run, now=NOW + timedelta(hours=1))

    assert (run.rows, run.resumed, run.status) == (2, 1, "finished")


@pytest.mark.django_db(transaction=True)
def test_two_processes_remove_each_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_events, "ROWS_A_STEP", {"postgresql": 2, "sqlite": 2})
    stored(*(40 + number / 100 for number in range(30)))
    keep(30)
    run = runs.open_run(now=NOW, requested_by="test")

    def work() -> None:
        carry_through(RetentionRun.objects.get(pk=run.pk))

    assert run_together(work, work) == []
    run.refresh_from_db()
    assert (run.rows, sum(row[3] for row in report())) == (30, 30)


def test_a_step_that_fails_ends_the_run_and_the_next_one_does_its_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored(40)
    keep(30)
    run = runs.open_run(now=NOW, requested_by="test")
    with monkeypatch.context() as patch:
        patch.setattr(raw_events, "survey", lambda day: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            runs.carry_on(now=NOW, seconds=1, pause=no_pause)

    run.refresh_from_db()
    assert (run.status, run.fault) == ("failed", "ZeroDivisionError")
    assert prune().rows == 1


def test_a_hold_that_comes_while_it_runs_stops_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_events, "ROWS_A_STEP", {"postgresql": 1, "sqlite": 1})
    stored(40, 40.1, 41)
    keep(30)
    run = runs.open_run(now=NOW, requested_by="test")
    runs.carry_on(now=NOW, seconds=0, pause=no_pause)
    hold()

    carry_through(run)

    assert (run.rows, RawEvent.objects.count()) == (1, 2)


@pytest.mark.only_on("postgresql")
@pytest.mark.django_db(transaction=True)
def test_a_lock_that_is_not_to_be_had_is_no_fault() -> None:
    stored(40)
    keep(30)
    run = runs.open_run(now=NOW, requested_by="test")
    turns = []

    def post() -> None:
        """A post that takes its time."""
        with connection.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE telemetry_rawevent IN ROW EXCLUSIVE MODE")
            turns.append(runs_in_a_thread())
            cursor.execute("COMMIT")

    def runs_in_a_thread() -> str:
        assert run_together(lambda: runs.carry_on(now=NOW, seconds=0, pause=no_pause)) == []
        return RetentionRun.objects.get().status

    assert run_together(post) == []
    assert (turns, RawEvent.objects.count()) == (["running"], 1)
    assert carry_through(run).rows == 1


# When runs are opened -------------------------------------------------------------------------------------


def test_the_schedule_opens_one_run_a_night() -> None:
    keep(30)
    early, late = NOW.replace(hour=1, minute=59), NOW.replace(hour=2, minute=0)

    assert runs.open_nightly(now=early) is None
    run = runs.open_nightly(now=late)
    assert run is not None
    carry_through(run)

    assert runs.open_nightly(now=NOW) is None
    assert runs.open_nightly(now=late + timedelta(days=1)) is not None


def test_the_schedule_opens_none_without_a_policy_or_beside_another() -> None:
    assert runs.open_nightly(now=NOW) is None

    keep(30)
    runs.open_run(now=NOW, requested_by="somebody")

    assert runs.open_nightly(now=NOW) is None


@pytest.mark.usefixtures("clock")
def test_the_tasks_open_a_run_and_carry_it_on() -> None:
    stored(40)
    keep(30)

    tasks.open_retention_run()
    tasks.carry_on_retention()

    assert (RetentionRun.objects.get().requested_by, RawEvent.objects.count()) == ("schedule", 0)


# Once -----------------------------------------------------------------------------------------------------


def test_once_removes_what_is_older_whatever_the_policies_say() -> None:
    stored(39, 40, 41)
    stored(41, environment="staging")
    made.quarantined_event(received_at=days_ago(41))
    keep(400)

    run = runs.open_once(environment="production", before=day_ago(39), now=NOW, requested_by="test")
    carry_through(run)

    assert sorted(RawEvent.objects.values_list("environment", "day")) == [
        ("production", day_ago(39)),
        ("staging", day_ago(41)),
    ]
    assert QuarantinedEvent.objects.count() == 0


def test_once_stops_at_a_hold() -> None:
    stored(40, 41)
    hold(last_day=day_ago(41))

    run = runs.open_once(environment="production", before=day_ago(39), now=NOW, requested_by="test")
    carry_through(run)

    assert list(RawEvent.objects.values_list("day", flat=True)) == [day_ago(41)]


def test_once_is_refused_within_the_late_window_and_for_no_environment(settings: Settings) -> None:
    settings.LATE_WINDOW_DAYS = 30
    stored(1)

    with pytest.raises(PolicyTooShort):
        runs.open_once(environment="production", before=day_ago(29), now=NOW, requested_by="test")
    with pytest.raises(runs.NoSuchEnvironment):
        runs.open_once(environment="prod", before=day_ago(39), now=NOW, requested_by="test")
    assert not RetentionRun.objects.exists()


# The command ----------------------------------------------------------------------------------------------


def command(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("prune", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().splitlines()


@pytest.mark.usefixtures("clock")
def test_the_command_applies_the_policies_and_prints_its_report() -> None:
    stored(40, 41)
    keep(30)

    lines = command()

    size = RetentionRun.objects.get().bytes
    assert lines == [
        f"raw_events production workbench.chat_message_sent: 2 rows, {size} bytes, "
        f"{day_ago(41)} to {day_ago(40)}",
        f"Removed 2 rows, {size} bytes.",
    ]


@pytest.mark.usefixtures("clock")
def test_a_dry_run_says_what_would_go_and_changes_nothing() -> None:
    stored(40, 41)
    keep(30)

    lines = command("--dry-run")

    assert lines[0].startswith("raw_events production workbench.chat_message_sent: about 2 rows, about ")
    assert lines[-1].startswith("No KPI changes")
    assert (RawEvent.objects.count(), RetentionRun.objects.count()) == (2, 0)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--environment=production"], "belong together"),
        (["--before=2025-01-01"], "belong together"),
        (["--environment=production", f"--before={date(2026, 2, 1)}"], "late window"),
        (["--environment=nowhere", "--before=2025-01-01"], "no environment 'nowhere'"),
    ],
)
def test_the_command_refuses(dry_run: tuple[str, ...], arguments: list[str], reason: str) -> None:
    stored(1)

    with pytest.raises(CommandError, match=reason):
        command(*dry_run, *arguments)


@pytest.mark.usefixtures("clock")
def test_the_command_leaves_an_open_run_to_itself() -> None:
    runs.open_run(now=NOW, requested_by="schedule")

    with pytest.raises(CommandError, match="has not finished yet"):
        command()


@pytest.mark.usefixtures("clock")
def test_the_command_removes_once() -> None:
    stored(40, 50)

    lines = command("--environment=production", f"--before={day_ago(45)}")

    assert lines[-1].startswith("Removed 1 rows")
    assert RetentionSubject.RAW_EVENTS in lines[0]
