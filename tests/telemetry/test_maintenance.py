from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from telemetry import maintenance
from telemetry.maintenance import BadMaintenanceWindow, MaintenanceNotice, WindowCache
from telemetry.models import MaintenanceWindow, WindowState
from tests.rows import maintenance_window
from web.errors import Unavailable

pytestmark = pytest.mark.django_db

MOMENT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


def switch_on(
    *, now: datetime, message: str = "", ends_at: datetime | None = None, starts_at: datetime | None = None
) -> MaintenanceWindow:
    return maintenance.switch_on(message=message, ends_at=ends_at, by=None, now=now, starts_at=starts_at)


def fault_at(now: datetime) -> Unavailable | None:
    try:
        maintenance.refuse_if_on(now=now)
    except Unavailable as fault:
        return fault
    return None


def is_on(now: datetime) -> bool:
    return maintenance.is_on(now=now)


def test_posts_are_taken_without_a_window(now: datetime) -> None:
    assert fault_at(now) is None


def test_a_window_begins_at_once_and_ends_by_itself(now: datetime) -> None:
    switch_on(now=now, ends_at=now + HOUR)

    moments = (now - MOMENT, now, now + HOUR - MOMENT, now + HOUR)

    assert [is_on(moment) for moment in moments] == [False, True, True, False]


def test_a_planned_window_begins_by_itself(now: datetime) -> None:
    switch_on(now=now, starts_at=now + HOUR)

    moments = (now, now + HOUR - MOMENT, now + HOUR)

    assert [is_on(moment) for moment in moments] == [False, False, True]


@pytest.mark.parametrize(
    ("starts", "ends", "ended", "was_on"),
    [
        (-60, None, None, True),
        (-60, -29, None, True),
        (-60, -30, None, False),
        (-60, None, -29, True),
        (-60, None, -30, False),
        (-60, 60, -31, False),
        (0, None, None, True),
        (1, None, None, False),
        # Called off before it began, or a moment after.
        (-10, 60, -20, False),
        (-10, 60, -10, False),
        (-10, 60, -9, True),
    ],
)
def test_it_was_on_in_the_last_half_hour(
    now: datetime, starts: int, ends: int | None, ended: int | None, was_on: bool
) -> None:
    at = {minutes: now + minutes * HOUR / 60 for minutes in (starts, ends, ended) if minutes is not None}
    MaintenanceWindow.objects.create(
        starts_at=at[starts],
        ends_at=None if ends is None else at[ends],
        ended_at=None if ended is None else at[ended],
    )
    maintenance.cache.forget()

    assert maintenance.was_on(since=now - HOUR / 2, now=now) is was_on


def test_the_file_says_nothing_of_the_past(now: datetime, data_dir: Path) -> None:
    file = data_dir / "maintenance"
    file.touch()
    during = maintenance.was_on(since=now - HOUR, now=now)

    file.unlink()

    assert (during, maintenance.was_on(since=now - HOUR, now=now)) == (True, False)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("We move", "We move. Send the request again later."),
        ("Soon back! ", "Soon back! Send the request again later."),
    ],
)
def test_a_message_ends_before_what_follows_it(now: datetime, message: str, expected: str) -> None:
    switch_on(now=now, message=message)

    fault = fault_at(now)

    assert fault is not None
    assert fault.message == expected


def test_the_refusal_has_the_message(now: datetime) -> None:
    switch_on(now=now, message="We move to a larger disk.")

    fault = fault_at(now)

    assert fault is not None
    assert (fault.code, fault.message) == (
        "maintenance",
        "We move to a larger disk. Send the request again later.",
    )


@pytest.mark.parametrize(
    ("left", "seconds"),
    [
        (None, 60),
        (timedelta(microseconds=1), 1),
        (timedelta(seconds=1), 1),
        (timedelta(seconds=1, microseconds=1), 2),
        (timedelta(seconds=300), 300),
        (timedelta(seconds=301), 300),
        (timedelta(days=400), 300),
        # Another thread's moment may be a little later than the one for which maintenance was found on.
        (timedelta(seconds=-5), 1),
    ],
)
def test_clients_wait_until_the_end_but_no_longer_than_five_minutes(
    left: timedelta | None, seconds: int, now: datetime
) -> None:
    notice = MaintenanceNotice(message="", ends_at=None if left is None else now + left)

    assert notice.retry_after_seconds(now=now) == seconds


def test_what_begins_now_takes_the_place_of_what_is_on(now: datetime) -> None:
    first = switch_on(now=now, ends_at=now + 3 * HOUR)
    planned = switch_on(now=now, starts_at=now + 4 * HOUR)

    switch_on(now=now + HOUR, ends_at=now + 2 * HOUR)
    first.refresh_from_db()
    planned.refresh_from_db()

    assert (first.ended_at, planned.ended_at) == (now + HOUR, None)
    assert not is_on(now + 2 * HOUR)


def test_of_two_windows_the_later_end_counts_and_the_newer_message(now: datetime) -> None:
    switch_on(now=now, message="Old.", ends_at=now + 3 * HOUR)
    switch_on(now=now, message="New.", starts_at=now + HOUR, ends_at=now + 2 * HOUR)

    notice = maintenance.current_notice(now=now + HOUR)

    assert notice == MaintenanceNotice(message="New.", ends_at=now + 3 * HOUR)


def test_switching_off_ends_what_is_on_and_may_be_repeated(now: datetime) -> None:
    person = User.objects.create_user("jo")
    window = switch_on(now=now)
    planned = switch_on(now=now, starts_at=now + 2 * HOUR)

    ended = [maintenance.switch_off(by=person, now=now + HOUR) for _ in range(2)]
    window.refresh_from_db()

    assert (ended, window.ended_at, window.ended_by) == ([1, 0], now + HOUR, person)
    assert planned in MaintenanceWindow.objects.not_over_at(now + HOUR)
    assert [is_on(now + HOUR), is_on(now + 2 * HOUR)] == [False, True]


def test_a_window_says_what_it_is(now: datetime) -> None:
    window = maintenance_window(starts_at=now, ends_at=now + HOUR)
    ended = maintenance_window(starts_at=now, ends_at=now + HOUR, ended_at=now)

    moments = (now - MOMENT, now, now + HOUR)

    assert [window.state_at(moment) for moment in moments] == [
        WindowState.PLANNED,
        WindowState.ON,
        WindowState.OVER,
    ]
    assert ended.state_at(now) is WindowState.OVER


@pytest.mark.parametrize("message", ["x" * 201, "two\nlines", "a\x00b", "\u202eright to left"])
def test_a_message_is_one_short_line(message: str, now: datetime) -> None:
    with pytest.raises(BadMaintenanceWindow, match="The message"):
        switch_on(now=now, message=message)

    assert not MaintenanceWindow.objects.exists()


@pytest.mark.parametrize("ends_in", [timedelta(), -MOMENT])
def test_an_end_lies_ahead(ends_in: timedelta, now: datetime) -> None:
    with pytest.raises(BadMaintenanceWindow, match="already be over"):
        switch_on(now=now, ends_at=now + ends_in)


def test_the_file_refuses_posts_without_asking_the_database(
    data_dir: Path, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    (data_dir / "maintenance").touch()
    maintenance.cache.forget()

    with django_assert_num_queries(0):
        fault = fault_at(now)

    assert fault is not None
    assert (fault.message, fault.headers["Retry-After"]) == (
        "The portal is being maintained. Send the request again later.",
        "60",
    )


def test_with_file_and_window_it_is_on_until_both_are_gone(data_dir: Path, now: datetime) -> None:
    switch_on(now=now, message="We move.", ends_at=now + HOUR)
    assert is_on(now)
    (data_dir / "maintenance").touch()

    assert maintenance.current_notice(now=now) == MaintenanceNotice(message="We move.", ends_at=None)
    assert is_on(now + HOUR)

    (data_dir / "maintenance").unlink()

    assert [is_on(now), is_on(now + HOUR)] == [True, False]


@pytest.mark.only_on("sqlite")
def test_a_database_file_that_is_gone_refuses_posts(
    data_dir: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(data_dir / "gone"))

    fault = fault_at(now)

    assert fault is not None
    assert fault.code == "database_unavailable"


def test_a_process_reads_the_windows_once_a_second(
    now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    cache = WindowCache()
    with django_assert_num_queries(1):
        before = [cache.get(now=now, at=at) for at in (5.0, 5.5, 5.99)]

    window = maintenance_window(starts_at=now, ends_at=now + HOUR)

    assert before == [(), (), ()]
    assert [cache.get(now=now, at=at) for at in (5.99, 6.0)] == [(), (window,)]


def test_without_the_database_what_was_known_holds_and_it_is_left_alone_for_a_while(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = maintenance_window(starts_at=now, ends_at=now + HOUR)
    cache = WindowCache()
    cache.get(now=now, at=0.0)
    asked: list[datetime] = []

    def fail(moment: datetime) -> None:
        asked.append(moment)
        raise OperationalError("gone")

    monkeypatch.setattr(MaintenanceWindow.objects, "not_over_at", fail)
    known = [cache.get(now=now, at=at) for at in (1.0, 5.9, 6.0)]

    assert known == [(window,)] * 3
    assert len(asked) == 2


def command(*words: str) -> str:
    output = StringIO()
    call_command("maintenance", *words, stdout=output)
    return output.getvalue().strip()


def test_the_command_switches_it_on_and_off(clock: datetime) -> None:
    answers = [
        command(),
        command("on", "--message", "We move.", "--until", "2026-02-15T18:00"),
        command("off"),
        command("off"),
    ]

    assert answers == [
        "Maintenance is off.",
        "Maintenance is on until 2026-02-15T18:00:00Z: We move.",
        "Maintenance is off.",
        "Maintenance is off.",
    ]
    assert MaintenanceWindow.objects.get().ends_at == datetime(2026, 2, 15, 18, tzinfo=UTC)


def test_the_command_says_that_the_file_keeps_it_on(data_dir: Path, clock: datetime) -> None:
    (data_dir / "maintenance").touch()

    assert command("off") == (
        "Maintenance is on until it is switched off: The portal is being maintained. "
        "The file maintenance in DATA_DIR keeps it on, on this machine."
    )


def test_the_command_refuses_an_end_that_has_passed(clock: datetime) -> None:
    with pytest.raises(CommandError, match="already be over"):
        command("on", "--until", "2020-01-01")


@pytest.mark.parametrize("address", ["/", "/kpis/approval-rate/", "/nothing/"])
def test_pages_go_on_and_say_it(address: str, reader: Client, clock: datetime) -> None:
    switch_on(now=clock, message="<script>alert(1)</script> & more.", ends_at=clock + HOUR)

    page = reader.get(address).content.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more." in page
    assert "<script>alert" not in page
    assert f"until {clock + HOUR:%Y-%m-%d %H:%M} UTC" in page


def test_pages_without_maintenance_have_no_banner(reader: Client, clock: datetime) -> None:
    assert 'class="maintenance"' not in reader.get("/").content.decode()
