from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from kpis.models import Baseline, EnteredCount, Freshness, Target
from tests.kpis.builders import make_bucket, make_durations, make_environment, make_target
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


TARGET_FORM = {
    "kpi": "template-suggestion-rate",
    "environment": "",
    "value": "0.5",
    "effective_from": "2026-02-10",
    "note": "",
}


@pytest.mark.usefixtures("clock")
def test_the_effect_of_a_target_is_shown_and_nothing_stored(admin_client: Client) -> None:
    make_environment()
    make_bucket(numerator=350, denominator=1_000)

    page = admin_client.post("/admin/kpis/target/add/", TARGET_FORM | {"_preview": "1"}).content.decode()

    assert "From 10 February 2026, 1 of 6 days changes its verdict: 1 becomes off target." in page
    assert "35%" in page
    assert "Please correct the error" not in page
    assert not Target.objects.exists()


@pytest.mark.usefixtures("clock")
def test_the_effect_of_a_wrong_target_is_its_error(admin_client: Client) -> None:
    make_environment()
    form = TARGET_FORM | {"_preview": "1", "value": "50"}

    page = admin_client.post("/admin/kpis/target/add/", form).content.decode()

    assert "not a percentage" in page
    assert "days" not in page.partition("Effect</h2>")[2].partition("</form>")[0]


@pytest.mark.usefixtures("clock")
def test_the_effect_of_a_change_is_shown_and_nothing_changed(admin_client: Client) -> None:
    make_environment()
    make_bucket(numerator=35, denominator=100)
    target = make_target("template-suggestion-rate", "0.5", since=date(2026, 2, 10))
    form = TARGET_FORM | {"value": "0.2", "_preview": "1"}

    page = admin_client.post(f"/admin/kpis/target/{target.pk}/change/", form).content.decode()

    assert "1 becomes on target" in page
    target.refresh_from_db()
    assert float(target.value) == 0.5


@pytest.mark.usefixtures("clock")
def test_the_effect_of_deleting_is_shown_for_one_and_for_several(admin_client: Client) -> None:
    make_environment()
    make_bucket(numerator=350, denominator=1_000)
    target = make_target("template-suggestion-rate", "0.5", since=date(2026, 2, 10))
    chosen = {"_selected_action": [str(target.pk)], "action": "delete_selected"}

    pages = [
        admin_client.get(f"/admin/kpis/target/{target.pk}/delete/").content.decode(),
        admin_client.post("/admin/kpis/target/", chosen).content.decode(),
    ]

    assert all("1 becomes on target" in page for page in pages)
    assert Target.objects.exists()
    admin_client.post("/admin/kpis/target/", chosen | {"post": "yes"})
    assert not Target.objects.exists()


PAST = "/admin/kpis/baseline/from-past/"


def past_form(**fields: str) -> dict[str, str]:
    defaults = {
        "kpi": "time-to-create-workflow",
        "environment": "production",
        "first": "2026-02-10",
        "last": "2026-02-11",
    }
    return defaults | fields


@pytest.mark.usefixtures("clock")
def test_a_baseline_of_the_past_is_filled_in(admin_client: Client) -> None:
    make_environment()
    make_durations("time-to-create-workflow", [100] * 30)

    page = admin_client.post(PAST, past_form(), follow=True).content.decode()

    assert "Median of 10 February to 11 February 2026 in production, 30 drafts measured" in page
    assert 'value="2026-02-12"' in page
    assert 'value="30"' in page
    assert not Baseline.objects.exists()


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "There are 0 measurements"),
        ({"last": "2026-02-09"}, "The last day is before the first"),
        ({"first": "1999-12-31"}, "not of this century"),
        ({"last": "2026-02-15"}, "computed until 2026-02-15 12:00"),
        ({"environment": "nowhere"}, "not one of the available choices"),
        ({"first": "soon"}, "valid date"),
    ],
)
def test_a_past_without_a_value_is_explained(
    admin_client: Client, fields: dict[str, str], message: str
) -> None:
    make_environment()

    assert message in admin_client.post(PAST, past_form(**fields)).content.decode()


def test_a_baseline_of_the_past_needs_the_permission_to_add(client: Client) -> None:
    viewer = User.objects.create_user("jo", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_baseline"))
    client.force_login(viewer)

    assert client.get(PAST).status_code == 403


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
