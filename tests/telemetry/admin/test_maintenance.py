from datetime import datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from telemetry import maintenance
from telemetry.models import MaintenanceWindow
from tests.rows import maintenance_window
from tests.telemetry.admin.reading import page_of

pytestmark = pytest.mark.django_db

WINDOWS = "/admin/telemetry/maintenancewindow/"
ADD = f"{WINDOWS}add/"
HOUR = timedelta(hours=1)


@pytest.fixture
def operator(client: Client) -> Client:
    """Somebody who may switch maintenance, and nothing else."""
    person = User.objects.create_user("olga", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="switch_maintenance"))
    client.force_login(person)
    return client


def window_form(**fields: str) -> dict[str, str]:
    empty = {"message": "", "starts_at_0": "", "starts_at_1": "", "ends_at_0": "", "ends_at_1": ""}
    return empty | fields


def end(client: Client, *windows: MaintenanceWindow) -> None:
    chosen = {"action": "end_selected", "_selected_action": [str(window.pk) for window in windows]}
    client.post(WINDOWS, chosen)


def test_adding_a_window_switches_maintenance_on(operator: Client, clock: datetime) -> None:
    operator.post(ADD, window_form(message="We move.", ends_at_0="2099-01-01", ends_at_1="00:00"))

    window = MaintenanceWindow.objects.get()

    assert (window.message, window.starts_at, window.started_by) == (
        "We move.",
        clock,
        User.objects.get(username="olga"),
    )
    assert maintenance.is_on(now=clock)
    assert LogEntry.objects.get().object_id == str(window.pk)


def test_a_window_may_be_planned(operator: Client, clock: datetime) -> None:
    operator.post(ADD, window_form(starts_at_0="2099-01-01", starts_at_1="00:00"))

    assert MaintenanceWindow.objects.get().starts_at.year == 2099
    assert not maintenance.is_on(now=clock)


def test_an_end_before_the_beginning_is_refused_with_a_sentence(operator: Client, clock: datetime) -> None:
    page = operator.post(ADD, window_form(ends_at_0="2020-01-01", ends_at_1="00:00")).content.decode()

    assert "Choose a later end." in page
    assert not MaintenanceWindow.objects.exists()


@pytest.mark.parametrize("message", ["\x07", "two\u2028lines", "x" * 201])
def test_a_message_that_is_no_short_line_is_refused(message: str, operator: Client, clock: datetime) -> None:
    assert operator.post(ADD, window_form(message=f"a{message}b")).status_code == 200
    assert not MaintenanceWindow.objects.exists()


def test_ending_windows_ends_and_calls_off_but_leaves_what_is_over(operator: Client, clock: datetime) -> None:
    on = maintenance_window(starts_at=clock - HOUR, ends_at=None)
    planned = maintenance_window(starts_at=clock + HOUR, ends_at=None)
    over = maintenance_window(starts_at=clock - 2 * HOUR, ends_at=clock - HOUR)

    end(operator, on, planned, over)

    ended = dict(MaintenanceWindow.objects.values_list("pk", "ended_at"))
    assert ended == {on.pk: clock, planned.pk: clock, over.pk: None}
    assert LogEntry.objects.count() == 2


def test_who_may_only_look_switches_nothing(client: Client, clock: datetime) -> None:
    viewer = User.objects.create_user("jo", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_maintenancewindow"))
    client.force_login(viewer)
    window = maintenance_window(starts_at=clock, ends_at=None)

    end(client, window)

    window.refresh_from_db()
    assert window.ended_at is None
    assert client.post(ADD, window_form()).status_code == 403


def test_every_page_of_the_admin_says_that_it_is_on(operator: Client, clock: datetime) -> None:
    operator.post(ADD, window_form(message="<b>We</b> move."))

    for address in ("/admin/", WINDOWS, ADD):
        page = page_of(operator, address)
        assert "&lt;b&gt;We&lt;/b&gt; move. Events are not taken" in " ".join(page.split())
        assert "<b>We</b>" not in page


def test_the_sidebar_leads_whoever_may_switch_it_to_it(operator: Client) -> None:
    assert f'href="{WINDOWS}"' in page_of(operator, "/admin/")
