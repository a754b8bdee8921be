from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from metrics.indicators import read_levels, read_states, sample_names, select
from objectives.definitions import get_objectives
from objectives.recording import GoodOfTotal


def runs(**counts: int) -> CounterMetricFamily:
    family = CounterMetricFamily("workflow_runs", "…", labels=["environment", "status"])
    for status, count in counts.items():
        family.add_metric(["production", status], count)
    return family


def test_adds_up_what_is_good_and_what_there_is() -> None:
    objectives = get_objectives().values()
    families = [runs(completed=18, failed=2, cancelled=5), CounterMetricFamily("other", "…", value=1)]

    samples = select(families, names=sample_names(objectives))

    assert read_levels(objectives, samples=samples) == {
        ("workflow-success", "production"): GoodOfTotal(18, 20)
    }


def test_knows_nothing_good_from_nothing_at_all() -> None:
    objectives = get_objectives().values()

    samples = select([runs(failed=2, cancelled=1)], names=sample_names(objectives))

    assert read_levels(objectives, samples=samples) == {("workflow-success", "production"): GoodOfTotal(0, 2)}


def test_a_gauge_is_good_below_its_value() -> None:
    objectives = get_objectives().values()
    lag = GaugeMetricFamily("portal_rollup_lag_seconds", "…", labels=["environment"])
    for environment, seconds in (("production", 59.9), ("staging", 60)):
        lag.add_metric([environment], seconds)

    samples = select([lag], names=sample_names(objectives))

    assert read_states(objectives, samples=samples) == {
        ("kpi-freshness", "production"): True,
        ("kpi-freshness", "staging"): False,
    }
