from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from kpis.models import Baseline, EnteredCount, Freshness, Target
from tests.rows import environment
from workbench.models import TouchedBucket

pytestmark = pytest.mark.django_db

COUNTS = "/admin/kpis/enteredcount/"


def count_form(**fields: str) -> dict[str, str]:
    defaults = {"environment": "production", "date": "2026-02-01", "source": "console", "workflows": "3"}
    return defaults | fields


def entered(**fields: object) -> EnteredCount:
    environment("production")
    defaults = {"environment": "production", "date": date(2026, 2, 1), "source": "console", "workflows": 3}
    return EnteredCount.objects.create(**defaults | fields)


def touched() -> set[tuple[str, datetime]]:
    return set(TouchedBucket.objects.values_list("environment", "bucket_start"))


def midnight(day: int) -> datetime:
    return datetime(2026, 2, day, tzinfo=UTC)


def test_a_target_keeps_who_set_it(admin_client: Client, admin_user: User) -> None:
    form = {
        "kpi": "approval-rate",
        "environment": "",
        "value": "0.9",
        "effective_from": "2026-02-01",
        "note": "",
    }
    admin_client.post("/admin/kpis/target/add/", form)

    (target,) = Target.objects.all()
    assert (target.kpi, float(target.value), target.set_by) == ("approval-rate", 0.9, admin_user)


def test_a_changed_target_is_set_by_who_changed_it(admin_client: Client, admin_user: User) -> None:
    before = User.objects.create(username="before")
    target = Target.objects.create(
        kpi="approval-rate", value=1, effective_from=date(2026, 2, 1), set_by=before
    )
    form = {
        "kpi": "approval-rate",
        "environment": "",
        "value": "0.9",
        "effective_from": "2026-02-01",
        "note": "",
    }
    admin_client.post(f"/admin/kpis/target/{target.pk}/change/", form)

    target.refresh_from_db()
    assert (float(target.value), target.set_by) == (0.9, admin_user)


def test_a_wrong_target_is_explained(admin_client: Client) -> None:
    form = {
        "kpi": "approval-rate",
        "environment": "",
        "value": "90",
        "effective_from": "2026-02-01",
        "note": "",
    }
    page = admin_client.post("/admin/kpis/target/add/", form).content.decode()

    assert "not a percentage" in page
    assert not Target.objects.exists()


def test_the_list_says_what_a_target_means(admin_client: Client) -> None:
    for kpi, value in (("time-to-create-workflow", "0.5"), ("workbench-adoption", "0.8"), ("gone", "1")):
        Target.objects.create(kpi=kpi, value=value, effective_from=date(2026, 2, 1))
    page = admin_client.get("/admin/kpis/target/").content.decode()
    for meaning in ("at most 0.5 x the baseline", "at least 0.8 ratio", "no KPI of the registry"):
        assert meaning in page


def test_a_baseline_keeps_its_provenance(admin_client: Client, admin_user: User) -> None:
    form = {
        "kpi": "time-to-create-workflow",
        "environment": "",
        "value": "1800",
        "effective_from": "2026-02-01",
        "method": "Stopwatch, twelve people",
        "sample_size": "12",
    }
    admin_client.post("/admin/kpis/baseline/add/", form)

    (baseline,) = Baseline.objects.all()
    assert (baseline.method, baseline.sample_size, baseline.set_by) == (
        "Stopwatch, twelve people",
        12,
        admin_user,
    )


def test_an_entered_count_touches_the_start_of_its_day(admin_client: Client, admin_user: User) -> None:
    environment("production")
    admin_client.post(f"{COUNTS}add/", count_form())

    assert EnteredCount.objects.get().entered_by == admin_user
    assert touched() == {("production", midnight(1))}


def test_a_moved_count_touches_both_days_and_environments(admin_client: Client) -> None:
    count = entered()
    environment("staging")

    admin_client.post(f"{COUNTS}{count.pk}/change/", count_form(environment="staging", date="2026-02-03"))

    assert touched() == {("production", midnight(1)), ("staging", midnight(3))}


def test_a_deleted_count_touches_its_day(admin_client: Client) -> None:
    count = entered()
    admin_client.post(f"{COUNTS}{count.pk}/delete/", {"post": "yes"})

    assert (EnteredCount.objects.count(), touched()) == (0, {("production", midnight(1))})


def test_counts_deleted_together_touch_their_days(admin_client: Client) -> None:
    counts = [entered(date=date(2026, 2, day)) for day in (1, 2)]
    chosen = {
        "_selected_action": [str(count.pk) for count in counts],
        "action": "delete_selected",
        "post": "yes",
    }

    admin_client.post(COUNTS, chosen)

    assert (EnteredCount.objects.count(), touched()) == (0, {("production", midnight(day)) for day in (1, 2)})


def test_a_refused_count_touches_nothing(admin_client: Client) -> None:
    entered()
    admin_client.post(f"{COUNTS}add/", count_form())

    assert touched() == set()


def test_freshness_shows_the_lag(admin_client: Client) -> None:
    computed_until = timezone.now() - timedelta(hours=3, minutes=5, seconds=20)
    Freshness.objects.create(environment="production", computed_until=computed_until, time_zone="UTC")
    Freshness.objects.create(environment="new", computed_until=None, time_zone="UTC")

    page = admin_client.get("/admin/kpis/freshness/").content.decode()

    assert "3 h 5 min" in page
    assert "never computed" in page
