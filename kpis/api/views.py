"""The read API of KPIs: parameters in, one reading, JSON or CSV out (docs/md)."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from kpis.api.access import ReadView, bad_parameter, not_found
from kpis.api.csv_export import CsvRenderer
from kpis.api.schema import ErrorSerializer, KpiListSerializer, KpiSerializer
from kpis.days import reporting_zone
from kpis.reading.evaluation import Evaluation, Slice
from kpis.reading.periods import Granularity, InvalidRange, Range, parse_range
from kpis.reading.query import UnknownDimension, UnknownKpi, find_kpi
from kpis.reading.readings import KpiReading, read_kpi, read_kpis
from kpis.registry import DEFINITIONS, Kind, Kpi
from web.moments import rfc3339

ERRORS = {400: ErrorSerializer, 401: ErrorSerializer, 403: ErrorSerializer, 404: ErrorSerializer}
RANGE_PARAMETERS = [
    OpenApiParameter(
        "environment",
        description="`production` if there is one, else the first by name; a key's own where a key reads.",
    ),
    OpenApiParameter(
        "from",
        description="A date in the reporting zone or an RFC 3339 moment; default: 28 days before `to`.",
    ),
    OpenApiParameter("to", description="As `from`, not included; default: the end of today."),
]


class KnownFormats(DefaultContentNegotiation):
    """A format that there is not is a bad parameter (400), not a page that is missing (404)."""

    def filter_renderers(self, renderers: list[BaseRenderer], format: str) -> list[BaseRenderer]:  # type: ignore[override]
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            names = " or ".join(renderer.format or "" for renderer in renderers)
            raise bad_parameter(f"format: It takes {names}.")
        return found


class KpiListView(ReadView):
    renderer_classes = [JSONRenderer]
    content_negotiation_class = KnownFormats
    parameter_names = ("environment", "from", "to")

    @extend_schema(
        operation_id="listKpis",
        summary="All KPIs with their newest values",
        description="The value is over the range, by default the 28 days up to now.",
        tags=["KPIs"],
        parameters=RANGE_PARAMETERS,
        responses={200: KpiListSerializer, **ERRORS},
    )
    def get(self, request: Request) -> Response:
        parameters = self.parameters(request)
        environment = self.environment(request, name=parameters["environment"])
        now = timezone.now()
        try:
            readings = read_kpis(
                kpis=DEFINITIONS,
                environment=environment,
                range=range_of(parameters, now=now),
                granularity=Granularity.TOTAL,
                now=now,
            )
        except InvalidRange as error:
            raise bad_parameter(f"{error.field}: {error}", code=error.code) from error
        return Response(list_json(readings, environment=environment))


class KpiView(ReadView):
    renderer_classes = [JSONRenderer, CsvRenderer]
    content_negotiation_class = KnownFormats
    parameter_names = ("environment", "from", "to", "granularity", "breakdown")

    @extend_schema(
        operation_id="readKpi",
        summary="One KPI over a range",
        description="The total and a series of periods, as JSON or, with `format=csv`, the series as CSV.",
        tags=["KPIs"],
        parameters=[
            *RANGE_PARAMETERS,
            OpenApiParameter(
                "granularity",
                enum=list(Granularity),
                default="day",
                description="Length of a period of the series.",
            ),
            OpenApiParameter("breakdown", description="One of the KPI's dimensions."),
        ],
        responses={200: KpiSerializer, **ERRORS},
        examples=[OpenApiExample("A bad range", value={"code": "bucket_not_aligned"}, status_codes=["400"])],
    )
    def get(self, request: Request, slug: str) -> Response:
        parameters = self.parameters(request)
        kpi = kpi_of(slug)
        answer = kpi_json(
            read(kpi, parameters, environment=self.environment(request, name=parameters["environment"]))
        )
        return Response(answer, headers=attachment(request, answer))


def kpi_of(slug: str) -> Kpi:
    try:
        return find_kpi(slug)
    except UnknownKpi:
        raise not_found("unknown_kpi", "There is no KPI of this name; /api/kpis/ lists them.") from None


def read(kpi: Kpi, parameters: dict[str, str], *, environment: str) -> KpiReading:
    """The reading that the parameters ask for; raises ApiError 400 for what they can't ask for."""
    now = timezone.now()
    try:
        return read_kpi(
            kpi=kpi,
            environment=environment,
            range=range_of(parameters, now=now),
            granularity=granularity_of(parameters["granularity"]),
            breakdown=parameters["breakdown"],
            now=now,
        )
    except InvalidRange as error:
        raise bad_parameter(f"{error.field}: {error}", code=error.code) from error
    except UnknownDimension:
        names = ", ".join(kpi.dimensions) or "no dimension"
        raise bad_parameter(f"breakdown: This KPI is broken down by {names}.") from None


def range_of(parameters: dict[str, str], *, now: datetime) -> Range:
    zone = reporting_zone()
    return parse_range(start=parameters["from"], end=parameters["to"], zone=zone, now=now)


def granularity_of(name: str) -> Granularity:
    try:
        return Granularity(name or Granularity.DAY)
    except ValueError:
        raise bad_parameter(f"granularity: It takes {', '.join(Granularity)}.") from None


def attachment(request: Request, answer: dict[str, Any]) -> dict[str, str]:
    """The headers that name the file, where the answer is one."""
    if request.accepted_renderer.format != CsvRenderer.format:
        return {}
    name = f"{answer['kpi']}-{answer['environment'] or 'none'}.csv"
    return {"Content-Disposition": f'attachment; filename="{name}"'}


# Readings as JSON -----------------------------------------------------------------------------------------


def list_json(readings: list[KpiReading], *, environment: str) -> dict[str, Any]:
    first = readings[0]
    return {
        "environment": environment,
        "time_zone": first.range.zone.key,
        "computed_until": until_json(first),
        "from": rfc3339(first.range.start),
        "to": rfc3339(first.range.end),
        "kpis": [
            head_json(each) | figures_json(each.kpi, each.total) | {"dimensions": list(each.kpi.dimensions)}
            for each in readings
        ],
    }


def kpi_json(each: KpiReading) -> dict[str, Any]:
    answer = {
        **head_json(each),
        "environment": each.environment,
        "time_zone": each.range.zone.key,
        "computed_until": until_json(each),
        "from": rfc3339(each.range.start),
        "to": rfc3339(each.range.end),
        "granularity": each.granularity.value,
        "total": figures_json(each.kpi, each.total),
        "series": [period_json(each.kpi, evaluation) for evaluation in each.series],
        "excluded": dict(each.excluded),
    }
    if each.breakdown:
        answer["dimension"] = each.breakdown
        answer["breakdown"] = [slice_json(each.kpi, part) for part in each.slices]
        answer["breakdown_left_out"] = each.slices_left_out
    return answer


def head_json(each: KpiReading) -> dict[str, Any]:
    goal = each.total.goal
    return {
        "kpi": each.kpi.slug,
        "title": each.kpi.title,
        "persona": each.kpi.persona.value,
        "unit": each.kpi.unit,
        "direction": each.kpi.direction.value,
        "target": goal.target,
        "baseline": goal.baseline,
    }


def slice_json(kpi: Kpi, part: Slice) -> dict[str, Any]:
    return {
        "value": part.value,
        "total": figures_json(kpi, part.total),
        "series": [period_json(kpi, evaluation) for evaluation in part.series],
    }


def period_json(kpi: Kpi, evaluation: Evaluation) -> dict[str, Any]:
    period = {
        "period_start": rfc3339(evaluation.period.start),
        "period_end": rfc3339(evaluation.period.end),
    }
    return period | figures_json(kpi, evaluation) | {"target": evaluation.goal.target}


def figures_json(kpi: Kpi, evaluation: Evaluation) -> dict[str, Any]:
    answer = {**sums_json(kpi, evaluation), "value": evaluation.value, "verdict": evaluation.verdict}
    return answer if evaluation.reason is None else answer | {"reason": evaluation.reason}


def sums_json(kpi: Kpi, evaluation: Evaluation) -> dict[str, Any]:
    if kpi.kind is not Kind.DURATION:
        return {"numerator": evaluation.numerator, "denominator": evaluation.denominator}
    return {
        "count": evaluation.denominator,
        "sum_seconds": evaluation.numerator,
        "mean": evaluation.mean,
        **evaluation.percentiles,
    }


def until_json(each: KpiReading) -> str | None:
    return rfc3339(each.computed_until) if each.computed_until else None
