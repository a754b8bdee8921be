"""The read API of agents and costs: GET /api/agents/ and GET /api/costs/ (docs/agents.md)."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from kpis.api.access import ReadView
from kpis.api.answers import range_json
from kpis.api.csv_export import CsvRenderer, file_headers
from kpis.api.parameters import KnownFormats, bad_parameter, bad_range, range_of
from kpis.api.schemas.usage import AgentListSerializer, CostsSerializer
from kpis.api.views import ERRORS, RANGE_PARAMETERS, refuse_export_without_right
from kpis.reading.periods import InvalidRange, Period
from kpis.reading.usage.agents import AgentFigures, AgentReading, AgentsReading, read_agents
from kpis.reading.usage.breakdown import (
    USAGE_LIMIT,
    Usage,
    UsageComparison,
    UsageDimension,
    compare_usage,
    computed_until_of,
)
from web.moments import rfc3339

BY_DAY = "day"


class AgentsCsvRenderer(CsvRenderer):
    """Writes a row for each agent."""

    @staticmethod
    def rows_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
        repeated = {name: answer[name] for name in ("environment", "time_zone", "from", "to")}
        return [
            repeated
            | {name: value for name, value in agent.items() if name not in {"error_types", "previous"}}
            for agent in answer["agents"]
        ]


class CostsCsvRenderer(CsvRenderer):
    """Writes a row for each day of each value of the dimension, or for each day."""

    @staticmethod
    def rows_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
        repeated = {name: answer[name] for name in ("environment", "time_zone")}
        if answer["by"] == BY_DAY:
            return [repeated | day for day in answer["days"]]
        return [
            repeated | {"dimension": answer["by"], "dimension_value": part["value"]} | day
            for part in answer["breakdown"]
            for day in part["days"]
        ]


class AgentsView(ReadView):
    renderer_classes = [JSONRenderer, AgentsCsvRenderer]
    content_negotiation_class = KnownFormats
    parameter_names = ("environment", "from", "to")

    @extend_schema(
        operation_id="listAgents",
        summary="Every agent: runs, failures, durations, retries, errors, tokens and cost",
        description="Over the range, by default the 28 days up to now; with `format=csv` a row for each agent.",
        tags=["agents"],
        parameters=RANGE_PARAMETERS,
        responses={200: AgentListSerializer, **ERRORS},
    )
    def get(self, request: Request) -> Response:
        parameters = self.parameters(request)
        refuse_export_without_right(request)
        environment = self.environment(request, name=parameters["environment"])
        try:
            reading = read_agents(environment=environment, range=range_of(parameters, now=timezone.now()))
        except InvalidRange as error:
            raise bad_range(error) from error
        headers = file_headers(request, "agents", environment=environment, range=reading.range)
        return Response(agents_json(reading), headers=headers)


class CostsView(ReadView):
    renderer_classes = [JSONRenderer, CostsCsvRenderer]
    content_negotiation_class = KnownFormats
    parameter_names = ("environment", "from", "to", "by")

    @extend_schema(
        operation_id="readCosts",
        summary="Tokens and costs by workflow, agent, model or day",
        description="The total, and each value with its days; with `format=csv` a row for each of these.",
        tags=["agents"],
        parameters=[
            *RANGE_PARAMETERS,
            OpenApiParameter(
                "by",
                enum=[*UsageDimension, BY_DAY],
                default=UsageDimension.WORKFLOW.value,
                description="What it is broken down by.",
            ),
        ],
        responses={200: CostsSerializer, **ERRORS},
    )
    def get(self, request: Request) -> Response:
        parameters = self.parameters(request)
        refuse_export_without_right(request)
        by = dimension_of(parameters["by"])
        environment = self.environment(request, name=parameters["environment"])
        try:
            comparison = compare_usage(
                environment=environment,
                range=range_of(parameters, now=timezone.now()),
                by=by,
                computed_until=computed_until_of(environment),
            )
        except InvalidRange as error:
            raise bad_range(error) from error
        headers = file_headers(request, "costs", environment=environment, range=comparison.current.range)
        return Response(costs_json(comparison, by=by), headers=headers)


def dimension_of(name: str) -> UsageDimension | None:
    """Workflows for ""; None for days. Raises ApiError 400."""
    try:
        return None if name == BY_DAY else UsageDimension(name or UsageDimension.WORKFLOW)
    except ValueError:
        raise bad_parameter(f"by: It takes {', '.join([*UsageDimension, BY_DAY])}.") from None


def agents_json(reading: AgentsReading) -> dict[str, Any]:
    return {
        **range_json(reading),
        "total": agent_json(reading.total),
        "agents": [{"agent": agent.agent, **agent_json(agent)} for agent in reading.agents[:USAGE_LIMIT]],
        "agents_left_out": max(0, len(reading.agents) - USAGE_LIMIT),
    }


def agent_json(agent: AgentReading) -> dict[str, Any]:
    return {
        **figures_json(agent.figures),
        "p50_seconds": agent.p50,
        "p95_seconds": agent.p95,
        "error_types": [{"error_type": name, "runs": number} for name, number in agent.error_types],
        "previous": figures_json(agent.previous),
    }


def figures_json(figures: AgentFigures) -> dict[str, Any]:
    return {
        "runs": figures.usage.agent_runs,
        "failed": figures.failed,
        "completed_or_failed": figures.finished,
        "failure_rate": figures.failure_rate,
        "retries": figures.usage.retries,
        **usage_json(figures.usage),
    }


def costs_json(comparison: UsageComparison, *, by: UsageDimension | None) -> dict[str, Any]:
    current = comparison.current
    before = comparison.previous.totals()
    return {
        **range_json(current),
        "by": by.value if by else BY_DAY,
        "total": usage_json(current.total) | {"previous": usage_json(comparison.previous.total)},
        "days": days_json(current.series, periods=current.periods),
        "breakdown": [
            {
                "value": part.value,
                **usage_json(part.total),
                "previous": usage_json(before.get(part.value, Usage())),
                "days": days_json(part.series, periods=current.periods),
            }
            for part in current.slices[:USAGE_LIMIT]
        ],
        "breakdown_left_out": max(0, len(current.slices) - USAGE_LIMIT),
    }


def usage_json(usage: Usage) -> dict[str, Any]:
    return {
        "model_calls": usage.calls,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": usage.cost_usd,
        "reported_usd": usage.reported_usd,
        "estimated_usd": usage.estimated_usd,
    }


def days_json(series: Sequence[Usage], *, periods: Sequence[Period]) -> list[dict[str, Any]]:
    return [
        {
            "period_start": rfc3339(period.start),
            "period_end": rfc3339(period.end),
            **usage_json(usage),
        }
        for period, usage in zip(periods, series, strict=True)
    ]
