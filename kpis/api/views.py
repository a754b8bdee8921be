"""The read API of KPIs: parameters in, one reading, JSON or CSV out (docs/reading.md)."""

from collections.abc import Mapping
from http import HTTPStatus

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from kpis.api.access import ReadView
from kpis.api.answers import comparison_json, list_json
from kpis.api.csv_export import CsvRenderer, file_headers
from kpis.api.parameters import (
    KnownFormats,
    bad_parameter,
    bad_range,
    granularity_of,
    not_found,
    range_of,
)
from kpis.api.schemas.kpis import ErrorSerializer, KpiListSerializer, KpiSerializer
from kpis.reading.periods import Against, Granularity, InvalidRange
from kpis.reading.query import BREAKDOWN_LIMIT, UnknownDimension, UnknownKpi, find_kpi
from kpis.reading.readings import Comparison, compare_kpi, compare_kpis
from kpis.registry import Kpi
from people.access import has_right
from people.models import Right
from telemetry.models import ApiKey
from web.errors import ApiError

MOST_TOP = 20
LONGEST_NUMBER = 9
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


COMPARE_PARAMETER = OpenApiParameter(
    "compare",
    enum=list(Against),
    default=Against.PREVIOUS.value,
    description="What `change` is against: the days before, the same weekdays 4 weeks before, or a year before.",
)


class KpiListView(ReadView):
    renderer_classes = [JSONRenderer]
    content_negotiation_class = KnownFormats
    parameter_names = ("environment", "from", "to", "compare")

    @extend_schema(
        operation_id="listKpis",
        summary="All KPIs with their newest values",
        description=(
            "The value is over the range, by default the 28 days up to now; "
            "the change is against an earlier range."
        ),
        tags=["KPIs"],
        parameters=[*RANGE_PARAMETERS, COMPARE_PARAMETER],
        responses={200: KpiListSerializer, **ERRORS},
    )
    def get(self, request: Request) -> Response:
        parameters = self.parameters(request)
        environment = self.environment(request, name=parameters["environment"])
        now = timezone.now()
        comparisons = compare_kpis(
            environment=environment,
            range=range_of(parameters, now=now),
            granularity=Granularity.TOTAL,
            against=against_of(parameters),
            now=now,
        )
        return Response(list_json(comparisons))


class KpiView(ReadView):
    renderer_classes = [JSONRenderer, CsvRenderer]
    content_negotiation_class = KnownFormats
    parameter_names = ("environment", "from", "to", "granularity", "breakdown", "top", "compare")

    @extend_schema(
        operation_id="readKpi",
        summary="One KPI over a range",
        description=(
            "The total, its change against an earlier range, and a series of periods, as JSON "
            "or, with `format=csv`, the series as CSV."
        ),
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
            OpenApiParameter(
                "top",
                int,
                description=f"Of the breakdown so many values, and all others as one: 1 to {MOST_TOP}.",
            ),
            COMPARE_PARAMETER,
        ],
        responses={200: KpiSerializer, **ERRORS},
        examples=[OpenApiExample("A bad range", value={"code": "bucket_not_aligned"}, status_codes=["400"])],
    )
    def get(self, request: Request, slug: str) -> Response:
        parameters = self.parameters(request)
        refuse_export_without_right(request)
        kpi = kpi_of(slug)
        environment = self.environment(request, name=parameters["environment"])
        comparison = read(kpi, parameters, environment=environment)
        headers = file_headers(request, kpi.slug, environment=environment, range=comparison.current.range)
        return Response(comparison_json(comparison), headers=headers)


def refuse_export_without_right(request: Request) -> None:
    """Raises ApiError 403 where a person whose role does not export asks for CSV."""
    if request.accepted_renderer.format != CsvRenderer.format or isinstance(request.auth, ApiKey):
        return
    if request.user is None or not has_right(request.user, Right.EXPORT):
        raise ApiError(
            status=HTTPStatus.FORBIDDEN,
            code="permission_denied",
            message="Your role does not export figures.",
        )


def kpi_of(slug: str) -> Kpi:
    """Raises ApiError 404."""
    try:
        return find_kpi(slug)
    except UnknownKpi:
        raise not_found("unknown_kpi", "There is no KPI of this name; /api/kpis/ lists them.") from None


def read(kpi: Kpi, parameters: Mapping[str, str], *, environment: str) -> Comparison:
    """The reading and its comparison that the parameters ask for. Raises ApiError 400."""
    # Read once: around midnight the default range and the target in force must mean the same today.
    now = timezone.now()
    top = top_of(parameters)
    try:
        return compare_kpi(
            kpi=kpi,
            environment=environment,
            range=range_of(parameters, now=now),
            granularity=granularity_of(parameters["granularity"]),
            breakdown=parameters["breakdown"],
            slices=top or BREAKDOWN_LIMIT,
            top=top,
            against=against_of(parameters),
            now=now,
        )
    except InvalidRange as error:
        raise bad_range(error) from error
    except UnknownDimension:
        names = ", ".join(kpi.dimensions) or "no dimension"
        raise bad_parameter(f"breakdown: This KPI is broken down by {names}.") from None


def against_of(parameters: Mapping[str, str]) -> Against:
    """The previous range for "". Raises ApiError 400."""
    try:
        return Against(parameters["compare"] or Against.PREVIOUS)
    except ValueError:
        raise bad_parameter(f"compare: It takes {', '.join(Against)}.") from None


def top_of(parameters: Mapping[str, str]) -> int:
    """0 for none. Raises ApiError 400."""
    text = parameters["top"]
    if not text:
        return 0
    if not parameters["breakdown"]:
        raise bad_parameter("top: It needs a breakdown.")
    # More digits are no number of values, and int() refuses very many.
    top = int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER else 0
    if not 1 <= top <= MOST_TOP:
        raise bad_parameter(f"top: It takes a whole number from 1 to {MOST_TOP}.")
    return top
