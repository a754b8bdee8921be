import pytest

from metrics.dashboards.queries import Catalogue, UnknownFamily, catalogue_of, share
from telemetry.plan import get_plan


@pytest.fixture
def families() -> Catalogue:
    return catalogue_of(get_plan())


def test_a_value_of_the_database_is_taken_once(families: Catalogue) -> None:
    assert families.gauge("workflows_active") == (
        'max without (instance, pod) (workflows_active{environment=~"$environment"})'
    )


def test_a_counter_of_the_database_is_taken_once_and_then_added_up(families: Catalogue) -> None:
    assert families.rate("agent_runs_total", by="agent", status='="failed"') == (
        "sum by (agent) (max without (instance, pod) "
        '(rate(agent_runs_total{environment=~"$environment",status="failed"}[$__rate_interval])))'
    )


def test_what_processes_count_is_added_up_over_replicas(families: Catalogue) -> None:
    assert (
        families.rate("portal_http_errors_total") == "sum(rate(portal_http_errors_total[$__rate_interval]))"
    )


def test_a_percentile_is_taken_of_buckets_that_were_added_up(families: Catalogue) -> None:
    assert families.quantile(0.95, "portal_rollup_seconds", by="stage") == (
        "histogram_quantile(0.95, sum by (le, stage) (rate(portal_rollup_seconds_bucket[$__rate_interval])))"
    )


def test_a_share_is_nothing_where_the_whole_is_nothing_and_zero_where_the_part_is() -> None:
    assert share("part", "whole") == "(part or 0 * whole) / (whole > 0)"


@pytest.mark.parametrize(
    ("ask", "fault"),
    [
        (lambda families: families.gauge("workflows_actve"), "No scrape shows workflows_actve."),
        (
            lambda families: families.rate("agent_runs_total", by="agnt"),
            "agent_runs_total has no label agnt.",
        ),
        (
            lambda families: families.series("agent_runs_total", run='="1"'),
            "agent_runs_total has no label run.",
        ),
        (lambda families: families.rate("workflows_active"), "workflows_active is a gauge: it has no rate."),
    ],
)
def test_a_name_that_no_scrape_shows_is_a_fault(families: Catalogue, ask: object, fault: str) -> None:
    with pytest.raises(UnknownFamily, match=fault):
        ask(families)  # type: ignore[operator]
