"""The tracking plan for clients: as plain JSON and as JSON Schema."""

from django.http import HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import conditional_page
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from people.access import has_right
from people.models import Right
from telemetry.door import openapi
from telemetry.door.posting import json_response
from telemetry.keys import check_in_force, require_key, secret_of
from telemetry.models import Scope
from telemetry.plan import get_plan, json_schema, plan_as_dict
from web.negotiation import AnyAccept


class KeyOrSession(BasePermission):
    """Allows a key of any scope, and people who see the pages: whoever sends or reads events may see the plan."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.user is not None and request.user.is_authenticated:
            return has_right(request.user, Right.VIEW_PAGES)
        key = require_key(secret_of(request._request))
        check_in_force(key, scopes=Scope.values, now=timezone.now())
        return True


@method_decorator(conditional_page, name="dispatch")
class ReadPlanView(APIView):
    """Answers 304 to the ETag of its last answer: clients ask often, and a plan changes with a release."""

    http_method_names = ["get", "head"]
    permission_classes = (KeyOrSession,)
    content_negotiation_class = AnyAccept


def revalidated(value: object) -> HttpResponse:
    """The value as JSON that a client may keep, and asks about before each use."""
    response = json_response(value)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


class PlanView(ReadPlanView):
    @extend_schema(
        operation_id="read_plan",
        summary="The tracking plan",
        tags=["plan"],
        auth=openapi.PLAN_SECURITY,
        responses={200: OpenApiTypes.OBJECT, **openapi.READ_FAULTS},
    )
    def get(self, request: Request) -> HttpResponse:
        return revalidated(plan_as_dict(get_plan()))


class PlanSchemaView(ReadPlanView):
    @extend_schema(
        operation_id="read_plan_schema",
        summary="JSON Schema of what may be posted",
        tags=["plan"],
        auth=openapi.PLAN_SECURITY,
        responses={200: OpenApiTypes.OBJECT, **openapi.READ_FAULTS},
    )
    def get(self, request: Request) -> HttpResponse:
        return revalidated(json_schema(get_plan()))
