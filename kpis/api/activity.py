"""The read API of active users and sessions: GET /api/activity/ (docs/overview.md)."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from kpis.api.access import ReadView
from kpis.api.answers import period_json, range_json
from kpis.api.parameters import KnownFormats, range_of
from kpis.api.schemas.activity import ActivitySerializer
from kpis.api.views import ERRORS, RANGE_PARAMETERS
from kpis.reading.activity.users import ActivityComparison, RangeActivity, compare_activity
from kpis.reading.usage.breakdown import computed_until_of


class ActivityView(ReadView):
    renderer_classes = [JSONRenderer]
    content_negotiation_class = KnownFormats
    parameter_names = ("environment", "from", "to")

    @extend_schema(
        operation_id="readActivity",
        summary="Active users and sessions",
        description=(
            "Sessions that started in the range, by default the 28 days up to now, and how many different users "
            "started them; also in as many days before it. Above a hundred, users are estimated within 2 %."
        ),
        tags=["KPIs"],
        parameters=RANGE_PARAMETERS,
        responses={200: ActivitySerializer, **ERRORS},
    )
    def get(self, request: Request) -> Response:
        parameters = self.parameters(request)
        environment = self.environment(request, name=parameters["environment"])
        comparison = compare_activity(
            environment=environment,
            range=range_of(parameters, now=timezone.now()),
            computed_until=computed_until_of(environment),
        )
        return Response(activity_json(comparison))


def activity_json(comparison: ActivityComparison) -> dict[str, Any]:
    current, previous = comparison.current, comparison.previous
    return {
        **range_json(current),
        **numbers_json(current),
        "previous": {**period_json(previous.range), **numbers_json(previous)},
    }


def numbers_json(activity: RangeActivity) -> dict[str, int | None]:
    return {"sessions": activity.sessions, "active_users": activity.active_users}
