"""The read API of runs: GET /api/runs/ and GET /api/runs/<runId>/ (docs/runs.md)."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kpis.api.access import ReadView
from kpis.api.parameters import bad_parameter, not_found
from kpis.api.run_answers import RunDetailSerializer, RunListSerializer, detail_json, page_json
from kpis.api.schemas.kpis import ErrorSerializer
from kpis.days import reporting_zone
from kpis.run_queries import CHOICES, DEFAULT_RANGE, PARAMETERS, RANGES, RunQuery
from people.access import has_right
from people.models import Right
from telemetry.models import ApiKey
from workbench.runs.detail import UnknownRun, read_run
from workbench.runs.filters import BadRunFilter
from workbench.runs.listing import MOST_ON_A_PAGE, PAGE_SIZE, list_runs
from workbench.runs.states import RunState

FAULTS = dict.fromkeys((400, 401, 403, 404), ErrorSerializer)
ENVIRONMENT = OpenApiParameter(
    "environment",
    description="`production` if there is one, else the first by name; a key's own where a key reads.",
)
# What is said of the filters, besides their exclusions.
WORDS = {
    "status": f"One of {', '.join(RunState)}. May be given several times.",
    "workflow": "The workflow's name, else its id. May be given several times.",
    "trigger": "May be given several times.",
    "error": "The error type. May be given several times.",
    "agent": "The name of one of its agents. May be given several times.",
    "agent_error": "The error type of one of its agent runs, and of that agent. May be given several times.",
    "shorter": "Took this at most: `90`, `1.5 s`, `20 min`, `2 h`.",
    "longer": "Took this at least.",
    "range": f"One of {', '.join(RANGES)}; {DEFAULT_RANGE} by default.",
    "from": "A date in the reporting zone or an RFC 3339 moment.",
    "to": "As `from`, not included.",
    "id": "The exact run id.",
    "newer": "What a page gives as `newer`.",
    "older": "What a page gives as `older`.",
}


class CanReadRuns(BasePermission):
    """Keys of scope `read`, and people whose role sees runs."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, ApiKey) or bool(
            request.user and request.user.is_authenticated and has_right(request.user, Right.VIEW_RUNS)
        )


class RunListView(ReadView):
    permission_classes = [CanReadRuns]
    parameter_names = ("environment", "limit", *PARAMETERS)

    @extend_schema(
        operation_id="listRuns",
        summary="The runs of workflows, newest first",
        description="A page of runs, as `/runs/` shows them. Each filter has an exclusion: `not_status`, …",
        tags=["runs"],
        parameters=[
            ENVIRONMENT,
            OpenApiParameter("limit", int, description=f"1 to {MOST_ON_A_PAGE}; {PAGE_SIZE} by default."),
            *(
                OpenApiParameter(name, description=words, many=name in CHOICES)
                for name, words in WORDS.items()
            ),
            *(
                OpenApiParameter(f"not_{name}", many=True, description=f"As `{name}`: leaves these out.")
                for name in CHOICES
            ),
        ],
        responses={200: RunListSerializer, **FAULTS},
    )
    def get(self, request: Request) -> Response:
        parameters = self.parameters(request)
        environment = self.environment(request, name=parameters["environment"])
        now = timezone.now()
        values = {name: request.query_params.getlist(name) for name in PARAMETERS}
        try:
            asked = RunQuery.read(values, zone=reporting_zone(), now=now)
        except BadRunFilter as error:
            raise bad_parameter(f"{error.field}: {error}") from error
        size = size_of(parameters["limit"])
        page = list_runs(asked.filter, environment=environment, now=now, cursor=asked.cursor, size=size)
        return Response(page_json(page, environment=environment, now=now))


class RunView(ReadView):
    permission_classes = [CanReadRuns]
    parameter_names = ("environment",)

    @extend_schema(
        operation_id="readRun",
        summary="One run, with its agents, model calls, approvals and events",
        tags=["runs"],
        parameters=[ENVIRONMENT],
        responses={200: RunDetailSerializer, **FAULTS},
    )
    def get(self, request: Request, run_id: str) -> Response:
        environment = self.environment(request, name=self.parameters(request)["environment"])
        try:
            detail = read_run(run_id, environment=environment, now=timezone.now())
        except UnknownRun:
            raise not_found("unknown_run", "The environment has no run of this id.") from None
        return Response(detail_json(detail))


def size_of(text: str) -> int:
    """Raises ApiError 400."""
    if not text:
        return PAGE_SIZE
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST_ON_A_PAGE):
        raise bad_parameter(f"limit: This must be a whole number from 1 to {MOST_ON_A_PAGE}.")
    return int(text)
