"""Asking for a retry over HTTP: by people who are signed in. A key stands for an application, which no role limits."""

from http import HTTPStatus
from typing import Any, cast

from django.contrib.auth.models import User
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from people.access import environments_allowed
from telemetry.door import openapi
from telemetry.maintenance import refuse_if_on
from telemetry.models import Environment
from web.errors import ApiError
from web.moments import rfc3339
from web.negotiation import AnyAccept
from workbench.models import RetryRequest, WorkflowRun
from workbench.retries.requesting import PERMISSION, Obstacle, RetryRefused, request_retry

FAULTS: dict[int, Any] = dict.fromkeys((400, 403, 404, 409, 503), openapi.ERROR)
ENVIRONMENT = OpenApiParameter(
    "environment", OpenApiTypes.STR, description="May be left out where one environment only has the run."
)
# A run's id may have slashes, which the path takes as they are.
RUN_ID = OpenApiParameter("run_id", OpenApiTypes.STR, OpenApiParameter.PATH)


class MayRetry(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user and request.user.has_perm(PERMISSION))


class RetryView(APIView):
    authentication_classes = [SessionAuthentication]
    permission_classes = [MayRetry]
    content_negotiation_class = AnyAccept
    metadata_class = None

    @extend_schema(
        operation_id="retryRun",
        summary="Ask for a run to be run again",
        description="Commits the request; the workbench is told by the webhook soon after.",
        tags=["runs"],
        parameters=[RUN_ID, ENVIRONMENT],
        request=None,
        responses={202: OpenApiTypes.OBJECT, **FAULTS},
    )
    def post(self, request: Request, run_id: str) -> Response:
        now = timezone.now()
        refuse_if_on(now=now)
        person = cast(User, request.user)
        run = find_run(run_id, environment=request.query_params.get("environment", ""), person=person)
        try:
            made = request_retry(run=run, person=person, now=now)
        except RetryRefused as refused:
            raise fault_of(refused.obstacle) from refused
        return Response(document_of(made), status=HTTPStatus.ACCEPTED)


def find_run(run_id: str, *, environment: str, person: User) -> WorkflowRun:
    """The run among those that the person may see. Raises ApiError 404, and 400 where several environments have it."""
    open_to_them = environments_allowed(person, Environment.names())
    names = [name for name in open_to_them if environment in {"", name}]
    # Index: workflow_run_unique (run_id, environment). PostgreSQL takes no NUL, which no id has.
    known = WorkflowRun.objects.filter(run_id=run_id, environment__in=names)
    runs = [] if "\0" in run_id else list(known[:2])
    if not runs:
        raise ApiError(status=HTTPStatus.NOT_FOUND, code="unknown_run", message="There is no run of this id.")
    if len(runs) > 1:
        raise ApiError(
            status=HTTPStatus.BAD_REQUEST,
            code="environment_needed",
            message="Several environments have a run of this id. Name one: ?environment=…",
        )
    return runs[0]


def fault_of(obstacle: Obstacle) -> ApiError:
    status = HTTPStatus.FORBIDDEN if obstacle is Obstacle.NOT_ALLOWED else HTTPStatus.CONFLICT
    return ApiError(status=status, code=obstacle.code, message=obstacle.sentence)


def document_of(made: RetryRequest) -> dict[str, str]:
    """`id` is the webhook-id of all attempts."""
    return {
        "id": str(made.message_id),
        "environment": made.environment,
        "runId": made.run_id,
        "state": made.state,
        "requestedAt": rfc3339(made.requested_at),
    }
