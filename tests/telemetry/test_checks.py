import pytest
from django.core.checks import run_checks
from pytest_django.fixtures import Settings

from tests.telemetry.lifecycle.retention.builders import keep
from tests.telemetry.plan.plans import metered_shop, shop


def warnings(**options: object) -> list[str]:
    return [check.msg for check in run_checks(**options) if check.id == "telemetry.W001"]  # type: ignore[arg-type]


@pytest.mark.parametrize(("has_metrics", "ids"), [(True, []), (False, ["telemetry.W002"])])
def test_a_plan_of_before_metrics_is_told(
    has_metrics: bool, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = metered_shop() if has_metrics else shop()
    monkeypatch.setattr("telemetry.checks.get_plan", lambda: plan)

    assert [check.id for check in run_checks() if check.id == "telemetry.W002"] == ids


@pytest.mark.django_db
def test_names_policies_that_the_late_window_has_overtaken(settings: Settings) -> None:
    keep(44)
    keep(45, environment="staging")
    keep(31, environment="demo", is_enabled=False)

    settings.LATE_WINDOW_DAYS = 45

    [warning] = warnings(databases=["default"])
    assert "every environment: 44 days is shorter than LATE_WINDOW_DAYS (45)" in warning


def test_asks_no_database_that_is_not_to_be_checked() -> None:
    assert warnings() == []
