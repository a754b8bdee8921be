"""The read API of objectives: GET /api/slos/ (docs/objectives.md)."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from kpis.api.access import ReadView
from kpis.api.schemas.kpis import ErrorSerializer
from objectives.reading import BudgetReading, read_budgets


class BurnRateSerializer(serializers.Serializer[Any]):
    minutes = serializers.IntegerField(help_text="Length of the window that ends now")
    rate = serializers.FloatField(allow_null=True, help_text="1: the budget lasts exactly for the window")


class BudgetDaySerializer(serializers.Serializer[Any]):
    date = serializers.DateField(help_text="A day of the reporting zone")
    good = serializers.IntegerField()
    total = serializers.IntegerField()
    spent_minutes = serializers.FloatField(help_text="Of the window's budget in minutes")


class ObjectiveSerializer(serializers.Serializer[Any]):
    objective = serializers.CharField(help_text="For programs: it stays")
    title = serializers.CharField()
    description = serializers.CharField()
    environment = serializers.CharField(allow_blank=True, help_text="Empty: of the portal as a whole")
    target = serializers.FloatField(help_text="The share that is promised to be good")
    window_days = serializers.IntegerField()
    unit = serializers.CharField(help_text="What the total counts")
    good = serializers.IntegerField()
    total = serializers.IntegerField()
    bad_ratio = serializers.FloatField(allow_null=True, help_text="null: there was nothing in the window")
    budget_left = serializers.FloatField(allow_null=True, help_text="1: all of it; below 0: overspent")
    budget_minutes = serializers.FloatField(help_text="Minutes of the window that may be bad")
    minutes_left = serializers.FloatField(allow_null=True)
    counted_since = serializers.DateTimeField(
        allow_null=True,
        help_text="The beginning of the window, or of what is counted if that is later; null: nothing is",
    )
    is_early = serializers.BooleanField(
        help_text="Too little is counted to judge the budget; its figures are of what there is"
    )
    burn_rates = BurnRateSerializer(many=True)
    days = BudgetDaySerializer(many=True, help_text="The oldest first")


class ObjectiveListSerializer(serializers.Serializer[Any]):
    environment = serializers.CharField(allow_blank=True)
    now = serializers.DateTimeField()
    objectives = ObjectiveSerializer(many=True)


class ObjectivesView(ReadView):
    parameter_names = ("environment",)

    @extend_schema(
        operation_id="listObjectives",
        summary="All objectives with their error budgets",
        description="Those of the environment, and those of the portal as a whole, up to now.",
        tags=["objectives"],
        parameters=[
            OpenApiParameter(
                "environment",
                description="`production` if there is one, else the first by name; a key's own where a key reads.",
            )
        ],
        responses={
            200: ObjectiveListSerializer,
            **dict.fromkeys((400, 401, 403, 404), ErrorSerializer),
        },
    )
    def get(self, request: Request) -> Response:
        environment = self.environment(request, name=self.parameters(request)["environment"])
        now = timezone.now()
        readings = read_budgets(environments=[environment] if environment else [], now=now)
        return Response(
            {
                "environment": environment,
                "now": now,
                "objectives": [budget_json(reading) for reading in readings],
            }
        )


def budget_json(reading: BudgetReading) -> dict[str, Any]:
    objective = reading.objective
    return {
        "objective": objective.name,
        "title": objective.title,
        "description": objective.description,
        "environment": reading.environment,
        "target": objective.target,
        "window_days": objective.window_days,
        "unit": objective.unit,
        "good": reading.good,
        "total": reading.total,
        "bad_ratio": reading.bad_ratio,
        "budget_left": reading.budget_left,
        "budget_minutes": reading.budget_minutes,
        "minutes_left": reading.minutes_left,
        "counted_since": reading.counted_since,
        "is_early": reading.is_early,
        "burn_rates": [{"minutes": burn.minutes, "rate": burn.rate} for burn in reading.burn_rates],
        "days": [
            {"date": day.date, "good": day.good, "total": day.total, "spent_minutes": day.spent_minutes}
            for day in reading.days
        ],
    }
