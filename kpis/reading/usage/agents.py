"""How each agent does over a range: runs, failures, durations, retries, errors, tokens and cost.

Runs and failures are those of the KPI `agent-failure-rate`; all else is from rows of UsageBucket. Only rows of days
(and of quarter hours where a range ends within a day) are read, so the cost is that of the days and agents.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec
from django.db.models import TextField
from django.db.models.functions import Cast

from kpis.histogram import percentiles
from kpis.models import UsageBucket
from kpis.reading.periods import Granularity, Period, Range, previous_range
from kpis.reading.query import KpiQuery, read_sums
from kpis.reading.stored_rows import START_TEXT, in_spans
from kpis.reading.sums import Sums, SumTable, merge_days
from kpis.reading.usage.breakdown import (
    Usage,
    UsageComparison,
    UsageDimension,
    compare_usage,
    computed_until_of,
    total_of,
)
from kpis.registry import REGISTRY
from kpis.statistics.estimates import Estimate, estimate_ratio

FAILURE_RATE = REGISTRY["agent-failure-rate"]
SHOWN_PERCENTILES = (0.5, 0.95)

_decode_errors = msgspec.json.Decoder(dict[str, int]).decode


@dataclass(frozen=True, kw_only=True)
class AgentFigures:
    """An agent's figures over a range. `finished` are the runs that completed or failed: cancelled ones have no say."""

    failed: int
    finished: int
    usage: Usage

    @property
    def failures(self) -> Estimate:
        return estimate_ratio(FAILURE_RATE, numerator=self.failed, denominator=self.finished)

    @property
    def failure_rate(self) -> float | None:
        return self.failures.value


@dataclass(frozen=True, kw_only=True)
class AgentReading:
    """An agent over a range, or all of them together ("").

    `p50` and `p95` are seconds, None where no duration is known. `error_types` are the types of the failed runs'
    errors, the most frequent first. `rates` are the failure rates of the days. `previous` is over the range before.
    """

    agent: str
    figures: AgentFigures
    previous: AgentFigures
    p50: float | None
    p95: float | None
    error_types: Sequence[tuple[str, int]]
    rates: Sequence[float | None]


@dataclass(frozen=True, kw_only=True)
class AgentsReading:
    """Every agent over a range, the one with most runs first, and all of them together. The periods are days."""

    environment: str
    range: Range
    previous_range: Range
    computed_until: datetime | None
    periods: Sequence[Period]
    agents: Sequence[AgentReading]
    total: AgentReading


@dataclass
class AgentSums:
    """What is added up of an agent: its runs and failures by period, what it used, and what its runs were like.

    `durations` are stored histograms, each with the start of its period.
    """

    failures: Sequence[Sums]
    previous_failures: Sequence[Sums]
    usage: Usage
    previous_usage: Usage
    durations: Sequence[tuple[str, str]]
    error_types: Mapping[str, int]

    def read(self, agent: str) -> AgentReading:
        p50, p95 = percentiles(merge_days(self.durations), SHOWN_PERCENTILES)
        return AgentReading(
            agent=agent,
            figures=figures_of(self.failures, usage=self.usage),
            previous=figures_of(self.previous_failures, usage=self.previous_usage),
            p50=p50,
            p95=p95,
            error_types=sorted(self.error_types.items(), key=lambda item: (-item[1], item[0])),
            rates=[figures_of([day], usage=Usage()).failure_rate for day in self.failures],
        )


def figures_of(failures: Sequence[Sums], *, usage: Usage) -> AgentFigures:
    return AgentFigures(
        failed=sum(sums.numerator for sums in failures),
        finished=sum(sums.denominator for sums in failures),
        usage=usage,
    )


def read_agents(*, environment: str, range: Range) -> AgentsReading:
    """In six queries. Raises TooManyPeriods."""
    until = computed_until_of(environment)
    current = KpiQuery(
        kpis=[FAILURE_RATE],
        environment=environment,
        range=range,
        granularity=Granularity.DAY,
        breakdown=UsageDimension.AGENT,
    )
    before = replace(current, range=previous_range(range, until=until), granularity=Granularity.TOTAL)
    failures, earlier = read_sums(current, computed_until=until), read_sums(before, computed_until=until)
    usage = compare_usage(environment=environment, range=range, by=UsageDimension.AGENT, computed_until=until)
    sums = sums_by_agent(
        failures, earlier=earlier, usage=usage, details=read_details(current, periods=failures.periods)
    )
    agents = [agent_sums.read(agent) for agent, agent_sums in sums.items()]
    return AgentsReading(
        environment=environment,
        range=range,
        previous_range=before.range,
        computed_until=until,
        periods=failures.periods,
        agents=sorted(agents, key=lambda agent: (-agent.figures.usage.agent_runs, agent.agent)),
        total=all_together(sums.values(), failures=failures, earlier=earlier, usage=usage).read(""),
    )


def sums_by_agent(
    failures: SumTable, *, earlier: SumTable, usage: UsageComparison, details: Mapping[str, "Details"]
) -> dict[str, AgentSums]:
    """The sums of everybody who has a run in the range or used anything in it."""
    used, used_before = usage.current.totals(), usage.previous.totals()
    names = {*failures.counts(FAILURE_RATE, dimension=UsageDimension.AGENT), *used} - {""}
    return {
        name: AgentSums(
            failures=failures.by_period(FAILURE_RATE, dimension=UsageDimension.AGENT, value=name),
            previous_failures=earlier.by_period(FAILURE_RATE, dimension=UsageDimension.AGENT, value=name),
            usage=used.get(name, Usage()),
            previous_usage=used_before.get(name, Usage()),
            durations=details[name].durations if name in details else [],
            error_types=details[name].error_types if name in details else {},
        )
        for name in names
    }


def all_together(
    sums: Collection[AgentSums], *, failures: SumTable, earlier: SumTable, usage: UsageComparison
) -> AgentSums:
    """The sums of all agents; what was used without one is left out."""
    error_types: Counter[str] = Counter()
    for agent_sums in sums:
        error_types.update(agent_sums.error_types)
    return AgentSums(
        failures=failures.by_period(FAILURE_RATE),
        previous_failures=earlier.by_period(FAILURE_RATE),
        usage=total_of(part.total for part in usage.current.slices if part.value),
        previous_usage=total_of(part.total for part in usage.previous.slices if part.value),
        durations=[duration for agent_sums in sums for duration in agent_sums.durations],
        error_types=error_types,
    )


@dataclass
class Details:
    """What agent runs were like: their errors by type, and the stored histograms, each with its period's start."""

    durations: list[tuple[str, str]] = field(default_factory=list)
    error_types: Counter[str] = field(default_factory=Counter)


def read_details(query: KpiQuery, *, periods: Sequence[Period]) -> Mapping[str, Details]:
    """By agent, in one query."""
    details: defaultdict[str, Details] = defaultdict(Details)
    spans = query.spans(periods)
    if not spans:
        return details
    # Index: usage_bucket_unique (environment, granularity, period_start, …).
    rows = UsageBucket.objects.filter(in_spans(spans), environment=query.environment, agent_runs__gt=0)
    # JSON as text, which msgspec decodes faster than JSONField does.
    texts = rows.annotate(
        start=START_TEXT, bins=Cast("histogram", TextField()), errors=Cast("error_types", TextField())
    )
    for start, agent, bins, errors in texts.values_list("start", "agent", "bins", "errors"):
        details[agent].durations.append((start, bins))
        if len(errors) > len("{}"):
            details[agent].error_types.update(_decode_errors(errors))
    return details
