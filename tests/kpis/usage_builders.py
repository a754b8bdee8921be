"""Builders of stored rows of agents, as the rollup would write them."""

from collections.abc import Iterable
from typing import Any

from kpis.histogram import bin_of, merge
from kpis.models import StoredGranularity, UsageBucket
from tests.kpis.builders import DAY, make_bucket


def make_usage(agent: str = "writer", *, seconds: Iterable[float] = (), **fields: Any) -> UsageBucket:
    """A day row of 2026-02-10 with 10 runs, unless said otherwise; `seconds` are the durations of some."""
    histogram = merge({bin_of(round(number * 1_000_000)): 1} for number in seconds)
    return UsageBucket.objects.create(
        **{
            "environment": "production",
            "granularity": StoredGranularity.DAY,
            "period_start": DAY,
            "workflow": "triage",
            "agent": agent,
            "model": "model-small",
            "agent_runs": 10,
            "histogram": {str(index): count for index, count in histogram.items()},
            **fields,
        }
    )


def make_failures(agent: str = "writer", *, failed: int = 1, finished: int = 10, **fields: Any) -> None:
    """The KPI's day row of the agent, and that of all agents if there is none yet for the day."""
    counts = {"numerator": failed, "denominator": finished, **fields}
    make_bucket("agent-failure-rate", dimension="agent", value=agent, **counts)
