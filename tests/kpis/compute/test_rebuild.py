from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from audit.models import AuditEntry, Verb
from kpis.compute import rebuild as module
from kpis.compute import rollup
from kpis.compute.rebuild import ErasureAtWork, RawEventsPruned, RebuildChanges, rebuild
from kpis.models import KpiBucket, StoredGranularity
from telemetry.models import Environment, Erasure, ErasureState, RawEvent
from tests.builders import NOW, event, make_key, minutes, store, table
from tests.rows import BUILDERS

pytestmark = pytest.mark.django_db

MICROSECOND = timedelta(microseconds=1)
FIRST, SECOND, THIRD = date(2026, 2, 2), date(2026, 2, 3), date(2026, 2, 4)
DAY = 24 * 60


@pytest.fixture(autouse=True)
def _three_days(now: datetime) -> None:
    """A chat message on each of three days, rolled up."""
    store(*(event("workbench.chat_message_sent", minutes(day * DAY)) for day in range(3)))
    rollup.bring_up_to_date(now=now)


def kpi_rows() -> list[tuple[Any, ...]]:
    return table(KpiBucket, "granularity", "period_start", "numerator", "denominator", "definition_version")


def run(from_date: date = FIRST, to_date: date = SECOND, *, apply: bool = True) -> RebuildChanges:
    return rebuild(environment="production", from_date=from_date, to_date=to_date, apply=apply, now=NOW)


def spoil() -> None:
    """The first day's row is wrong, the second's is missing, and the third has one too many."""
    base = KpiBucket.objects.filter(granularity=StoredGranularity.BASE)
    base.filter(period_start=minutes(0)).update(denominator=9)
    base.filter(period_start=minutes(DAY)).delete()
    row = base.get(period_start=minutes(2 * DAY))
    row.pk, row.kpi = None, "workbench-adoption"
    row.save()


def test_a_rebuild_of_what_is_right_changes_nothing() -> None:
    before = kpi_rows()

    assert run(FIRST, date(2026, 2, 5)) == RebuildChanges(unchanged=3)
    assert kpi_rows() == before


def test_says_what_it_would_change_and_leaves_it() -> None:
    spoil()
    before = kpi_rows()
    expected = RebuildChanges(added=1, changed=1, removed=1, unchanged=1)

    assert run(FIRST, date(2026, 2, 5), apply=False) == expected
    assert kpi_rows() == before


def test_writes_what_changed_base_rows_and_days() -> None:
    right = kpi_rows()
    spoil()

    assert run(FIRST, date(2026, 2, 5)) == RebuildChanges(added=1, changed=1, removed=1, unchanged=1)
    assert kpi_rows() == right
    assert run(FIRST, date(2026, 2, 5)) == RebuildChanges(unchanged=3)


def test_leaves_what_lies_outside_its_days() -> None:
    KpiBucket.objects.update(denominator=9)

    assert run(SECOND, THIRD) == RebuildChanges(changed=1)
    assert table(KpiBucket, "granularity", "period_start", "denominator") == [
        ("base", minutes(0), 9),
        ("base", minutes(DAY), 1),
        ("base", minutes(2 * DAY), 9),
        ("day", minutes(-600), 9),
        ("day", minutes(DAY - 600), 1),
        ("day", minutes(2 * DAY - 600), 9),
    ]


@pytest.mark.parametrize(
    ("zone", "day", "changed"),
    [
        ("UTC", FIRST, 1),
        ("Pacific/Honolulu", FIRST, 1),  # Its day starts with the bucket.
        ("Pacific/Honolulu", date(2026, 2, 1), 0),
        ("Pacific/Niue", FIRST, 0),
        ("Pacific/Niue", date(2026, 2, 1), 1),
    ],
)
def test_its_days_are_the_reporting_zones(zone: str, day: date, changed: int, settings: LazySettings) -> None:
    KpiBucket.objects.filter(period_start=minutes(0)).update(denominator=9)
    settings.REPORTING_TIME_ZONE = zone

    assert run(day, day + timedelta(days=1), apply=False).changed == changed


def test_rows_of_another_version_of_the_definition_are_changed() -> None:
    KpiBucket.objects.update(definition_version=0)

    assert run() == RebuildChanges(changed=1)
    assert run() == RebuildChanges(unchanged=1)


def test_a_long_range_is_rebuilt_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    right = kpi_rows()
    spoil()
    monkeypatch.setattr(module, "BUCKETS_PER_TRANSACTION", 41)

    assert run(FIRST, date(2026, 2, 5)) == RebuildChanges(added=1, changed=1, removed=1, unchanged=1)
    assert kpi_rows() == right


def test_rebuilds_where_raw_events_are_gone_as_long_as_nothing_was_pruned() -> None:
    right = kpi_rows()
    RawEvent.objects.all().delete()
    KpiBucket.objects.all().delete()

    assert run(FIRST, date(2026, 2, 5)) == RebuildChanges(added=3)
    assert kpi_rows() == right


# What was pruned -------------------------------------------------------------------------------------------


def keep_from(moment: datetime) -> None:
    Environment.objects.filter(name="production").update(raw_kept_from=moment)


@pytest.mark.parametrize("apply", [True, False])
def test_refuses_what_begins_before_raw_events_are_kept(apply: bool) -> None:
    keep_from(minutes(-600) + MICROSECOND)
    KpiBucket.objects.all().delete()

    with pytest.raises(
        RawEventsPruned, match=r"production keeps raw events from 2026-02-02T00:00:00\.000001"
    ):
        run(apply=apply)
    assert kpi_rows() == []


def test_rebuilds_from_the_very_moment_on() -> None:
    keep_from(minutes(-600))

    assert run() == RebuildChanges(unchanged=1)

    keep_from(minutes(-600) - MICROSECOND)

    assert run() == RebuildChanges(unchanged=1)


def test_refuses_by_the_days_of_the_reporting_zone(settings: LazySettings) -> None:
    keep_from(minutes(-600))
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"

    with pytest.raises(RawEventsPruned):
        run()


# While a subject is erased ---------------------------------------------------------------------------------


def an_erasure(state: ErasureState) -> None:
    erasure = BUILDERS[Erasure](1)
    Erasure.objects.filter(pk=erasure.pk).update(state=state)


@pytest.mark.parametrize("apply", [True, False])
@pytest.mark.parametrize("state", ["events", "things", "rest", "pairs"])
def test_refuses_while_half_of_a_subject_is_gone(state: ErasureState, apply: bool) -> None:
    an_erasure(state)
    KpiBucket.objects.all().delete()

    with pytest.raises(ErasureAtWork, match="A subject of production is being erased"):
        run(apply=apply)
    assert kpi_rows() == []


@pytest.mark.parametrize("state", ["previewing", "previewed", "waiting", "quarantine", "done"])
def test_rebuilds_when_no_number_can_show_half_of_an_erasure(state: ErasureState) -> None:
    an_erasure(state)

    assert run() == RebuildChanges(unchanged=1)


def test_an_erasure_that_begins_meanwhile_is_not_half_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil()
    monkeypatch.setattr(module, "check_range", lambda **_: an_erasure(ErasureState.EVENTS))
    before = kpi_rows()

    with pytest.raises(ErasureAtWork):
        run()
    assert kpi_rows() == before


# In the audit ----------------------------------------------------------------------------------------------


def entries() -> list[tuple[str, dict[str, Any]]]:
    rows = AuditEntry.objects.filter(verb=Verb.REBUILT).order_by("pk")
    return list(rows.values_list("environment", "additional_data"))


def test_what_is_written_is_in_the_audit() -> None:
    spoil()
    days = {"from": "2026-02-02", "to": "2026-02-05"}

    run(FIRST, date(2026, 2, 5))

    numbers = {"added": 1, "changed": 1, "removed": 1, "unchanged": 1}
    assert entries() == [
        ("production", {"state": "begun", **days}),
        ("production", {"state": "done", **days, **numbers}),
    ]


def test_a_look_at_what_would_change_is_not_in_the_audit() -> None:
    run(apply=False)

    assert entries() == []


# The command -----------------------------------------------------------------------------------------------


def command(*options: str) -> None:
    call_command("rebuild_kpis", "--from", "2026-02-02", *options)


def test_the_command_says_and_with_force_writes(capsys: pytest.CaptureFixture[str]) -> None:
    spoil()
    command("--to", "2026-02-05")
    command("--to", "2026-02-05", "--force")

    command("--to", "2026-02-05")

    assert capsys.readouterr().out.splitlines() == [
        "production: would change 1 rows, 1 new, 1 removed, 1 as they were.",
        "production: changed 1 rows, 1 new, 1 removed, 1 as they were.",
        "production: would change 0 rows, 0 new, 0 removed, 3 as they were.",
    ]


def test_the_command_takes_every_environment_or_one(capsys: pytest.CaptureFixture[str]) -> None:
    make_key(environment="staging")
    command("--to", "2026-02-03")

    command("--to", "2026-02-03", "--environment", "staging")

    assert capsys.readouterr().out.splitlines() == [
        "production: would change 0 rows, 0 new, 0 removed, 1 as they were.",
        "staging: would change 0 rows, 0 new, 0 removed, 0 as they were.",
        "staging: would change 0 rows, 0 new, 0 removed, 0 as they were.",
    ]


@pytest.mark.parametrize("to_date", ["2026-02-02", "2026-02-01"])
def test_the_command_refuses_an_empty_range(to_date: str) -> None:
    with pytest.raises(CommandError, match="--from must lie before --to"):
        command("--to", to_date)


def test_the_command_names_the_environments_there_are() -> None:
    with pytest.raises(CommandError, match="no environment 'prod'; there are: production"):
        command("--to", "2026-02-03", "--environment", "prod")


def test_the_command_refuses_what_was_pruned() -> None:
    keep_from(minutes(0))

    with pytest.raises(CommandError, match="production keeps raw events from"):
        command("--to", "2026-02-03", "--force")


def test_the_command_refuses_a_date_that_is_none() -> None:
    with pytest.raises(CommandError, match="argument --to"):
        command("--to", "yesterday")


def test_the_command_refuses_during_an_erasure() -> None:
    an_erasure(ErasureState.THINGS)

    with pytest.raises(CommandError, match="Rebuild when the erasure is done"):
        command("--to", "2026-02-03", "--force")
