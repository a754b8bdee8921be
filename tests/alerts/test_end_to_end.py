"""Real breaches, with real Prometheus and Alertmanager: each reaches Slack and the pages, and so does its end.

The deployed rules and routes are at work, at a pace at which an hour is fifteen seconds. `python -m benchmarks.breach`
measures with the intervals of production.
"""

import time
from collections.abc import Callable, Iterator

import pytest

from benchmarks.breach.breaches import KPI_OFF_TARGET, LAGGING, LEFT_ON, POSTS_FAIL
from benchmarks.breach.pace import Pace
from benchmarks.breach.portal import KPI, Document
from benchmarks.breach.stack import Stack, running_stack, seconds_until
from benchmarks.breach.traffic import business, traffic
from metrics.rules.budgets import ratio_name
from objectives.reading import BURN_MINUTES

pytestmark = [pytest.mark.processes, pytest.mark.prometheus, pytest.mark.alertmanager]

PACE = Pace(scrape_seconds=0.5, factor=240, lag_seconds=8)
PATIENCE = 60
# One that goes well, and one of which everything goes wrong.
FIRST_RUNS = (1_001, 2_000)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack"), pace=PACE) as stack:
        # What was posted before the first scrape is nothing new to Prometheus.
        until(lambda: bool(stack.recorded("portal_maintenance")))
        until(lambda: has_level(stack, "workflow-success"))
        for number in FIRST_RUNS:
            stack.portal.send(business(number))
        yield stack


@pytest.fixture
def known_stack(stack: Stack) -> Stack:
    """One that has recorded the first runs: the first value of a series is a beginning, here and in Prometheus."""
    until(lambda: has_level(stack, "template-suggestions"))
    return stack


def has_level(stack: Stack, objective: str) -> bool:
    """Whether the portal knows where the counters of the objective begin."""
    levels = (
        "SELECT count(*) FROM objectives_objectivelevel "
        f"WHERE objective = '{objective}' AND environment = 'production'"
    )
    return stack.portal.query(levels) == [(1,)]


def until(condition: Callable[[], bool]) -> None:
    seconds_until(condition, at_most=PATIENCE)


def until_known(stack: Stack, summaries: tuple[str, ...], *, is_firing: bool) -> None:
    """Until Slack was told and the page of alerts says so."""
    until(lambda: stack.is_in_chat(*summaries, is_firing=is_firing))
    until(lambda: stack.is_on_page(*summaries) is is_firing)


def test_a_kpi_off_target_reaches_slack_and_the_pages_and_so_does_its_end(stack: Stack) -> None:
    for act, is_firing in ((stack.portal.break_kpi, True), (stack.portal.mend_kpi, False)):
        act()
        until_known(stack, KPI_OFF_TARGET, is_firing=is_firing)
        # What is over stays marked on the chart.
        assert stack.portal.is_marked() or not is_firing
        assert '"key": "alert"' in stack.portal.page(f"/kpis/{KPI}/")


def test_maintenance_left_on_is_told_and_the_posts_that_it_refuses_are_not(known_stack: Stack) -> None:
    stack = known_stack
    with traffic(stack.portal):
        time.sleep(2)
        stack.portal.begin_maintenance()
        until(lambda: "IngestAvailabilityBurning" in stack.held_back())
        until_known(stack, LEFT_ON, is_firing=True)
        stack.portal.end_maintenance()
        until_known(stack, LEFT_ON, is_firing=False)

    assert stack.portal.statuses[503] > 100
    told = [attachment["title"] for attachment in stack.told()]
    assert [title for title in told if any(summary in title for summary in POSTS_FAIL)] == []
    assert not stack.is_on_page(*POSTS_FAIL)


def test_posts_that_fail_reach_slack_and_the_pages_and_so_does_their_end(known_stack: Stack) -> None:
    stack = known_stack
    failed_before = failed_posts(stack)
    with traffic(stack.portal):
        # Maintenance is forgotten, so it explains nothing any more.
        time.sleep(2)
        stack.portal.refuse_events()
        until_known(stack, POSTS_FAIL, is_firing=True)
        stack.portal.take_events()
        until_known(stack, POSTS_FAIL, is_firing=False)

    assert failed_posts(stack) > failed_before


def test_the_portal_counts_what_prometheus_counts_and_comes_to_the_same_shares(stack: Stack) -> None:
    """Over the scrapes of these drills, by the deployed recording rules."""
    until(lambda: has_settled(stack))
    found = by_place(stack)
    availability, failed = found["ingest-availability", ""], failed_posts(stack)

    assert availability["total"] - availability["good"] == failed
    assert failed > 100
    ratios = {place: reading["bad_ratio"] for place, reading in found.items()}
    assert stack.recorded("objective:bad_ratio:window") == pytest.approx(ratios, rel=0.05, abs=0.002)
    budgets = {place: reading["budget_left"] for place, reading in found.items()}
    assert stack.recorded("objective:budget_left:ratio") == pytest.approx(budgets, rel=0.05, abs=0.1)


@pytest.mark.parametrize("minutes", BURN_MINUTES)
def test_the_portal_and_prometheus_see_the_same_burn_rates(stack: Stack, minutes: int) -> None:
    until(lambda: has_settled(stack))
    burnt = {
        place: burn["rate"] * (1 - reading["target"])
        for place, reading in by_place(stack).items()
        for burn in reading["burn_rates"]
        if burn["minutes"] == minutes
    }

    assert stack.recorded(ratio_name(minutes)) == pytest.approx(burnt, rel=0.05, abs=0.002)


def by_place(stack: Stack) -> dict[tuple[str, str], Document]:
    return {(reading["objective"], reading["environment"]): reading for reading in stack.portal.objectives()}


def has_settled(stack: Stack) -> bool:
    """Whether the portal has recorded every post that was answered, and every run that Prometheus has seen."""
    found = by_place(stack)
    # A scrape may have been lost.
    runs = stack.recorded(
        'sum by (environment) (last_over_time(workflow_runs_total{status=~"completed|failed"}[1m]))'
    )
    recorded = (found["ingest-availability", ""]["total"], found["workflow-success", "production"]["total"])
    return recorded == (stack.portal.statuses.total(), runs["", "production"])


def failed_posts(stack: Stack) -> int:
    return sum(count for status, count in stack.portal.statuses.items() if status >= 500)


def test_the_page_of_objectives_says_that_posts_fail_and_that_it_is_early(stack: Stack) -> None:
    until(lambda: "Burning fast" in stack.portal.page("/slos/"))

    assert "Too early to say" in stack.portal.page("/slos/")


def test_a_rollup_that_stopped_reaches_slack_and_the_pages_and_so_does_its_end(stack: Stack) -> None:
    for act, is_firing in ((stack.portal.stop_rollup, True), (stack.portal.resume_rollup, False)):
        act()
        until_known(stack, LAGGING, is_firing=is_firing)


def test_the_kpi_is_no_longer_an_alert_of_the_portal_itself(stack: Stack) -> None:
    """It may have found the same, and looks every 20 seconds."""
    until(lambda: "alert-strip" not in stack.portal.page(f"/kpis/{KPI}/"))
