"""The pages of retention: nothing is saved or run before its preview was seen."""

import uuid
from datetime import UTC, datetime, time
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from telemetry.models import RawEvent, RetentionHold, RetentionPolicy, RetentionRun
from tests import rows as made
from tests.telemetry.lifecycle.retention.builders import day_ago, keep, prune, stored
from workbench.models import DraftCreation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
ADD = reverse("admin:telemetry_retentionpolicy_add")
RUN = reverse("admin:telemetry_retentionrun_run_now")
FIELDS = {"subject": "raw_events", "environment": "", "event_pattern": "", "keep_days": "30", "note": ""}


def policy(**changes: Any) -> dict[str, Any]:
    return {**FIELDS, "is_enabled": "on", **changes}


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_a_policy_is_previewed_before_it_is_saved(admin_client: Client) -> None:
    stored(40, 41)

    page = text_of(admin_client.post(ADD, policy()))

    assert "<strong" in page
    assert "2 rows," in page
    assert f"removes what lies before {day_ago(30)} (UTC), for good" in page
    assert "No KPI changes" in page
    assert "about 2" in page
    assert day_ago(41).isoformat() in page
    assert not RetentionPolicy.objects.exists()


def test_a_confirmed_policy_is_saved_with_who_set_it(admin_client: Client) -> None:
    response = admin_client.post(ADD, policy(_confirmed="yes"))

    assert response.status_code == 302
    saved = RetentionPolicy.objects.get()
    assert (saved.keep_days, saved.set_by.username if saved.set_by else "") == (30, "admin")


def test_a_change_is_previewed_as_the_policy_would_be(admin_client: Client) -> None:
    stored(40, 50)
    url = reverse("admin:telemetry_retentionpolicy_change", args=[keep(45).pk])

    page = text_of(admin_client.post(url, policy(keep_days="35")))

    assert "about 2" in page
    assert RetentionPolicy.objects.get().keep_days == 45


def test_a_disabled_policy_removes_nothing(admin_client: Client) -> None:
    stored(40)

    page = text_of(admin_client.post(ADD, {**FIELDS}))

    assert "A run today would remove nothing." in page


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"keep_days": "29"}, "29 days are shorter than the late window of 30 days"),
        ({"keep_days": "-1"}, "greater than or equal to 0"),
        ({"event_pattern": "*chat"}, "its beginning and a star"),
        ({"subject": "quarantine", "event_pattern": "workbench.*"}, "Only raw events"),
        ({"environment": "nowhere"}, "Select a valid choice"),
        ({"subject": "audit", "environment": "production"}, "Audit entries belong to no environment"),
        ({"subject": "alerts", "environment": "production"}, "Alerts belong to no environment"),
        ({"subject": "everything"}, "Select a valid choice"),
    ],
)
def test_a_policy_with_a_fault_is_not_saved(
    changes: dict[str, str], reason: str, admin_client: Client
) -> None:
    made.environment()

    page = text_of(admin_client.post(ADD, policy(_confirmed="yes", **changes)))

    assert reason in page
    assert not RetentionPolicy.objects.exists()


def test_two_policies_of_one_place_are_refused(admin_client: Client) -> None:
    keep(40)

    assert "already exists" in text_of(admin_client.post(ADD, policy()))


def test_a_hold_ends_after_it_begins(admin_client: Client) -> None:
    url = reverse("admin:telemetry_retentionhold_add")
    days = {"first_day": "2026-01-10", "last_day": "2026-01-09", "reason": "An audit"}

    assert "lies before the first" in text_of(admin_client.post(url, days))
    assert admin_client.post(url, days | {"last_day": "2026-01-10"}).status_code == 302
    assert RetentionHold.objects.get().set_by is not None


def test_a_run_is_previewed_and_then_opened_by_a_post(admin_client: Client) -> None:
    stored(40)
    keep(30)

    assert "about 1" in text_of(admin_client.get(RUN))
    assert not RetentionRun.objects.exists()

    response = admin_client.post(RUN, {"_confirmed": "yes"})

    run = RetentionRun.objects.get()
    assert response.headers["Location"] == reverse("admin:telemetry_retentionrun_change", args=[run.pk])
    assert (run.requested_by, run.status, RawEvent.objects.count()) == ("admin", "running", 1)


def test_tables_are_named_in_words(admin_client: Client) -> None:
    moment = datetime.combine(day_ago(40), time(), tzinfo=UTC)
    made.environment("production")
    DraftCreation.objects.create(
        event_key=uuid.uuid4(), environment="production", session_id="s", created_at=moment, source="chat"
    )
    keep(30, subject="things")

    page = text_of(admin_client.get(RUN))
    prune()
    report = text_of(admin_client.get(reverse("admin:telemetry_retentionreport_changelist")))

    assert ["draft creations" in text for text in (page, report)] == [True, True]


def test_a_second_run_is_refused(admin_client: Client) -> None:
    admin_client.post(RUN)

    page = text_of(admin_client.post(RUN, follow=True))

    assert "has not finished yet" in page
    assert RetentionRun.objects.count() == 1


def test_a_runs_page_says_what_it_removed(admin_client: Client) -> None:
    stored(40, 41)
    keep(30)
    run = prune()

    page = text_of(admin_client.get(reverse("admin:telemetry_retentionrun_change", args=[run.pk])))

    assert "workbench.chat_message_sent: 2 rows" in page


def test_who_may_only_view_runs_opens_none(client: Client) -> None:
    viewer = User.objects.create_user("jo", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_retentionrun"))
    client.force_login(viewer)

    assert client.post(RUN).status_code == 403
    assert client.get(RUN).status_code == 403
    assert not RetentionRun.objects.exists()
