"""What the samples of a scrape say of the objectives' indicators."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from prometheus_client.samples import Sample

from metrics.families.stored import Exposed
from objectives.definitions import Objective, Selector
from objectives.recording import NOTHING, GoodOfTotal, Place


def select(families: Iterable[Exposed], *, names: Iterable[str]) -> dict[str, list[Sample]]:
    """The samples of these names, by name: an objective looks at few of a scrape's thousands."""
    wanted = set(names)
    found: dict[str, list[Sample]] = defaultdict(list)
    for family in families:
        # The samples of a stored family are made once somebody looks at them.
        if not any(name.startswith(family.name) for name in wanted):
            continue
        for sample in family.samples:
            if sample.name in wanted:
                found[sample.name].append(sample)
    return found


def sample_names(objectives: Iterable[Objective]) -> set[str]:
    return {
        selector.sample
        for objective in objectives
        for selector in (objective.indicator.good, objective.indicator.total, objective.indicator.gauge)
        if selector is not None
    }


def read_levels(
    objectives: Iterable[Objective], *, samples: Mapping[str, list[Sample]]
) -> dict[Place, GoodOfTotal]:
    """How far the counters of the objectives have come, by objective and environment. Gauges are left out."""
    levels: dict[Place, GoodOfTotal] = defaultdict(lambda: NOTHING)
    for objective in objectives:
        good, total = objective.indicator.good, objective.indicator.total
        if good is None or total is None:
            continue
        for sample in taken(total, samples):
            levels[objective.name, environment_of(sample)] += GoodOfTotal(total=round(sample.value))
        for sample in taken(good, samples):
            levels[objective.name, environment_of(sample)] += GoodOfTotal(good=round(sample.value))
    return dict(levels)


def read_states(objectives: Iterable[Objective], *, samples: Mapping[str, list[Sample]]) -> dict[Place, bool]:
    """Whether each gauge of an objective is good now, by objective and environment."""
    return {
        (objective.name, environment_of(sample)): sample.value < objective.indicator.below
        for objective in objectives
        if objective.indicator.gauge is not None and objective.indicator.below is not None
        for sample in taken(objective.indicator.gauge, samples)
    }


def taken(selector: Selector, samples: Mapping[str, list[Sample]]) -> Iterable[Sample]:
    return (
        sample for sample in samples.get(selector.sample, []) if selector.takes(sample.name, sample.labels)
    )


def environment_of(sample: Sample) -> str:
    return sample.labels.get("environment", "")
