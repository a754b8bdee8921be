from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from kpis.forms import (
    BaselineForm,
    EnteredCountForm,
    EnvironmentForm,
    TargetForm,
    target_problem,
    value_problem,
)
from kpis.models import Target
from kpis.registry import REGISTRY
from telemetry.models import Environment
from tests.rows import environment

RATIO = REGISTRY["workbench-adoption"]
DURATION = REGISTRY["approval-wait"]
COST = REGISTRY["execution-cost"]
FACTOR = REGISTRY["time-to-create-workflow"]


@pytest.mark.parametrize(
    ("slug", "value", "fits"),
    [
        (RATIO.slug, "-0.000001", False),
        (RATIO.slug, "0", True),
        (RATIO.slug, "10", True),
        (RATIO.slug, "10.000001", False),
        (DURATION.slug, "0", False),
        (DURATION.slug, "0.000001", True),
        (DURATION.slug, "2592000", True),
        (DURATION.slug, "2592000.000001", False),
        (COST.slug, "-0.000001", False),
        (COST.slug, "0", True),
    ],
)
def test_a_value_fits_its_kpi(slug: str, value: str, fits: bool) -> None:
    assert (value_problem(REGISTRY[slug], Decimal(value)) == "") is fits
    assert (target_problem(REGISTRY[slug], Decimal(value)) == "") is fits


@pytest.mark.parametrize(
    ("value", "fits"), [("0", False), ("0.000001", True), ("10", True), ("10.000001", False), ("900", False)]
)
def test_the_target_of_a_kpi_with_a_baseline_is_a_factor(value: str, fits: bool) -> None:
    assert (target_problem(FACTOR, Decimal(value)) == "") is fits


def test_the_messages_say_what_to_enter() -> None:
    assert value_problem(RATIO, Decimal(80)) == (
        "Workbench adoption is a ratio, not a percentage: 0.8 stands for 80 %. It takes 0 to 10."
    )
    assert target_problem(FACTOR, Decimal(900)) == (
        "Time to create a workflow is judged against its baseline, so its target is a factor and not seconds: "
        "0.5 means at most 0.5 x the baseline. It takes more than 0 and at most 10."
    )


@pytest.fixture(autouse=True)
def _person(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forms are those of somebody who may see every environment."""
    monkeypatch.setattr(EnvironmentForm, "person", User(is_superuser=True), raising=False)


def target_form(**fields: str) -> TargetForm:
    defaults = {
        "kpi": RATIO.slug,
        "environment": "",
        "value": "0.8",
        "effective_from": "2026-02-01",
        "note": "",
    }
    return TargetForm(defaults | fields)


@pytest.mark.django_db
def test_a_target_is_for_one_environment_or_for_all() -> None:
    environment("production")

    assert target_form(environment="").is_valid()
    assert target_form(environment="production").is_valid()
    assert target_form(environment="nowhere").errors.keys() == {"environment"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"kpi": "no-such-kpi"}, "kpi"),
        ({"value": "80"}, "value"),
        ({"value": "much"}, "value"),
        ({"effective_from": "soon"}, "effective_from"),
    ],
)
def test_a_wrong_target_is_refused_at_its_field(fields: dict[str, str], wrong: str) -> None:
    assert target_form(**fields).errors.keys() == {wrong}


@pytest.mark.django_db
def test_there_is_one_target_a_day() -> None:
    Target.objects.create(kpi=RATIO.slug, value=1, effective_from=date(2026, 2, 1))

    assert not target_form().is_valid()
    assert target_form(effective_from="2026-02-02").is_valid()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sample_size", "wrong"), [("0", {"sample_size"}), ("1", set()), ("", {"sample_size"})]
)
def test_a_baseline_rests_on_measurements(sample_size: str, wrong: set[str]) -> None:
    form = BaselineForm(
        {
            "kpi": FACTOR.slug,
            "environment": "",
            "value": "1800",
            "effective_from": "2026-02-01",
            "method": "Stopwatch",
            "sample_size": sample_size,
        }
    )

    assert set(form.errors) == wrong


@pytest.mark.django_db
@pytest.mark.parametrize(("day", "wrong"), [("2000-01-01", set()), ("2999-01-01", {"date"})])
def test_counts_are_entered_for_days_that_have_begun(day: str, wrong: set[str]) -> None:
    environment("production")
    form = EnteredCountForm({"environment": "production", "date": day, "source": "console", "workflows": "3"})

    assert set(form.errors) == wrong


def count_of(day: str) -> EnteredCountForm:
    return EnteredCountForm({"environment": "production", "date": day, "source": "console", "workflows": "3"})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("zone", "day", "wrong"),
    [
        ("UTC", "2026-01-31", {"date"}),
        ("UTC", "2026-02-01", set()),
        # A count counts at the start of its day: there an hour before midnight UTC, here eight hours after it.
        ("Europe/Berlin", "2026-02-01", {"date"}),
        ("America/Los_Angeles", "2026-02-01", set()),
    ],
)
def test_no_count_is_entered_for_a_day_whose_kpis_are_final(
    zone: str, day: str, wrong: set[str], settings: Settings
) -> None:
    settings.REPORTING_TIME_ZONE = zone
    Environment.objects.create(name="production", things_kept_from=datetime(2026, 2, 1, tzinfo=UTC))

    form = count_of(day)

    assert set(form.errors) == wrong
    assert not wrong or "before 2026-02-01 00:00 UTC are final" in form.errors["date"][0]


@pytest.mark.django_db
def test_a_count_is_entered_where_only_raw_events_are_gone() -> None:
    Environment.objects.create(name="production", raw_kept_from=datetime(2026, 2, 1, tzinfo=UTC))

    assert count_of("2026-01-31").is_valid()


@pytest.mark.django_db
@pytest.mark.parametrize(("zone", "wrong"), [("UTC", {"date"}), ("Pacific/Auckland", set())])
def test_a_day_has_begun_when_it_has_in_the_reporting_zone(
    zone: str, wrong: set[str], settings: Settings, clock: datetime
) -> None:
    settings.REPORTING_TIME_ZONE = zone
    environment("production")

    form = EnteredCountForm(
        {"environment": "production", "date": "2026-02-16", "source": "console", "workflows": "3"}
    )

    assert set(form.errors) == wrong
