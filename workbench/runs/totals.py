"""What runs used: agents, tokens, cost. Nothing counts twice.

The tokens and the cost of an agent run are those of its model calls. A figure of its own counts only where none of them
reports it: it may be their sum. KPIs, counters and costs count the same (workbench.costs.REPORTED_COST). A call that
belongs to no known agent run counts for its run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce

from workbench.costs import estimate_cost, usd_per_minute
from workbench.models import AgentRun, ModelCall

# An agent run's figure → the sum of its calls', and its own.
FIGURES = {
    "input_tokens": ("called_input_tokens", "input_tokens"),
    "output_tokens": ("called_output_tokens", "output_tokens"),
    "cost": ("called_cost_micro_usd", "cost_micro_usd"),
}


@dataclass(frozen=True, kw_only=True)
class Used:
    """Tokens, and micro-dollars; None where nothing is known."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: int | None = None

    def __add__(self, other: "Used") -> "Used":
        return Used(
            input_tokens=added(self.input_tokens, other.input_tokens),
            output_tokens=added(self.output_tokens, other.output_tokens),
            cost=added(self.cost, other.cost),
        )


@dataclass(frozen=True, kw_only=True)
class RunTotals:
    agents: int = 0
    failed_agents: int = 0
    calls: int = 0
    used: Used = Used()


def added(left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return right if left is None else left
    return left + right


def used_by(agent: AgentRun) -> Used:
    """What counts for the agent run."""
    called = Used(**{name: getattr(agent, column) for name, (column, _) in FIGURES.items()})
    return called + used_itself(agent)


def used_itself(agent: AgentRun) -> Used:
    """What counts of the agent run's own figures: those that no model call of it reports."""
    return Used(
        **{
            name: getattr(agent, own)
            for name, (called, own) in FIGURES.items()
            if getattr(agent, called) is None
        }
    )


def used_in(call: ModelCall) -> Used:
    return Used(input_tokens=call.input_tokens, output_tokens=call.output_tokens, cost=call.cost_micro_usd)


def totals_of(run_ids: Iterable[str], *, environment: str) -> dict[str, RunTotals]:
    """By run; a run of which nothing is known is left out. Two queries, however many runs.

    Indexes: agent_run_of_run, model_call_run.
    """
    ids = list(run_ids)
    sums = {name: Sum(Coalesce(called, own)) for name, (called, own) in FIGURES.items()}
    agents: Iterable[Mapping[str, Any]] = (
        AgentRun.objects.filter(run_id__in=ids, environment=environment)
        .values("run_id")
        .annotate(
            agents=Count("pk"),
            failed=Count("pk", filter=Q(status="failed")),
            all_calls=Sum("calls"),
            **{f"sum_{name}": expression for name, expression in sums.items()},
        )
    )
    totals = {
        row["run_id"]: RunTotals(
            agents=row["agents"],
            failed_agents=row["failed"],
            calls=row["all_calls"],
            used=Used(**{name: row[f"sum_{name}"] for name in FIGURES}),
        )
        for row in agents
    }
    return with_calls_of_nobody(totals, ids=ids, environment=environment)


def with_calls_of_nobody(
    totals: dict[str, RunTotals], *, ids: list[str], environment: str
) -> dict[str, RunTotals]:
    calls = (
        ModelCall.objects.filter(
            run_id__in=[name for name in ids if name], environment=environment, owner_id=""
        )
        .values("run_id")
        .annotate(
            number=Count("pk"),
            input=Sum("input_tokens"),
            output=Sum("output_tokens"),
            cost=Sum("cost_micro_usd"),
        )
    )
    for row in calls:
        before = totals.get(row["run_id"], RunTotals())
        used = Used(input_tokens=row["input"], output_tokens=row["output"], cost=row["cost"])
        totals[row["run_id"]] = RunTotals(
            agents=before.agents,
            failed_agents=before.failed_agents,
            calls=before.calls + row["number"],
            used=before.used + used,
        )
    return totals


def estimated_cost(microseconds: int | None) -> int | None:
    """Micro-dollars of so much run time, for a run that reports no cost; None where its duration is not known."""
    return None if microseconds is None else estimate_cost(microseconds, usd_per_minute=usd_per_minute())
