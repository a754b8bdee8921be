from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

from telemetry import tasks
from telemetry.lifecycle import disk
from telemetry.lifecycle.disk import TableUse, measure_tables, read_disk_use, table_sizes
from telemetry.models import RawEvent, TableSize
from tests import rows as made
from tests.builders import NOW

pytestmark = pytest.mark.django_db
TODAY = NOW.date()
DAY = timedelta(days=1)


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def _free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: Usage(5000, 4000, 1000))


def sizes(day: Any, **tables: int) -> None:
    for table, size in tables.items():
        TableSize.objects.create(day=day, table=table, bytes=size)


def test_tables_are_sorted_by_size_and_grow_by_their_average() -> None:
    sizes(TODAY - 4 * DAY, small=10, large=600)
    sizes(TODAY - DAY, small=40, large=1000)
    sizes(TODAY, small=50, large=1000, new=8)

    use = read_disk_use(today=TODAY)

    assert use.tables == (TableUse("large", 1000, 100), TableUse("small", 50, 10), TableUse("new", 8, 2))
    assert (use.bytes, use.bytes_a_day, use.free_bytes) == (1058, 112, 1000)


def test_growth_is_that_of_a_week() -> None:
    for age in range(10):
        sizes(TODAY - age * DAY, table=1000 - 100 * age if age <= 7 else 0)

    assert read_disk_use(today=TODAY).bytes_a_day == 100


@pytest.mark.parametrize(("a_day", "days"), [(100, 10), (300, 3), (1000, 1), (2000, 0)])
def test_the_disk_is_full_when_what_is_free_is_used_up(a_day: int, days: int) -> None:
    sizes(TODAY - DAY, table=0)
    sizes(TODAY, table=a_day)

    assert read_disk_use(today=TODAY).full_on == TODAY + days * DAY


@pytest.mark.parametrize("a_day", [0, -5])
def test_a_database_that_does_not_grow_is_never_full(a_day: int) -> None:
    sizes(TODAY - DAY, table=1000)
    sizes(TODAY, table=1000 + a_day)

    assert read_disk_use(today=TODAY).full_on is None


def test_before_the_second_day_no_growth_is_known() -> None:
    assert read_disk_use(today=TODAY).tables == ()

    sizes(TODAY, table=10)

    use = read_disk_use(today=TODAY)
    assert (use.bytes, use.bytes_a_day, use.full_on) == (10, None, None)


def test_ten_years_are_not_foretold() -> None:
    sizes(TODAY - 7 * DAY, table=0)
    sizes(TODAY, table=1)

    assert read_disk_use(today=TODAY).full_on is None


def test_a_disk_of_another_machine_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Path:
        raise FileNotFoundError("db.example.com")

    monkeypatch.setattr(disk, "database_folder", gone)

    assert read_disk_use(today=TODAY).free_bytes is None


def test_a_measurement_has_every_table_with_its_indexes() -> None:
    before = table_sizes()["telemetry_rawevent"]
    for number in range(500):
        made.raw_event(number)

    measured = table_sizes()

    assert measured["telemetry_rawevent"] >= before + 500 * 100
    assert {"telemetry_arrival", "workbench_session", "kpis_kpibucket"} <= measured.keys()
    assert not any("index" in table or table.startswith("telemetry_rawevent_") for table in measured)
    assert RawEvent.objects.count() == 500


def test_a_day_is_measured_once() -> None:
    measure_tables(today=TODAY)
    TableSize.objects.update(bytes=1)
    measure_tables(today=TODAY)
    measure_tables(today=TODAY + DAY)

    assert set(TableSize.objects.filter(day=TODAY).values_list("bytes", flat=True)) == {1}
    assert TableSize.objects.filter(day=TODAY + DAY).exists()


@pytest.mark.usefixtures("clock")
def test_the_task_measures_today() -> None:
    tasks.measure_tables()

    assert set(TableSize.objects.values_list("day", flat=True)) == {TODAY}


@pytest.mark.only_on("sqlite")
def test_without_dbstat_the_whole_file_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    execute = CursorWrapper.execute

    def without_dbstat(cursor: CursorWrapper, sql: str, params: Any = None) -> Any:
        if "dbstat" in sql:
            raise OperationalError("no such table: dbstat")
        return execute(cursor, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", without_dbstat)

    (size,) = table_sizes().values()
    assert size > 100_000
