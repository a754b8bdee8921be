"""What the read API answers, for the OpenAPI schema. kpis/api/views.py makes the answers themselves."""

from typing import Any

from rest_framework import serializers

VERDICTS = ["on_target", "off_target", "too_few_events", "not_measurable"]
REASONS = ["no_events", "not_measurable"]


class ErrorSerializer(serializers.Serializer[Any]):
    """Every fault has this shape."""

    code = serializers.CharField(help_text="For programs")
    message = serializers.CharField(help_text="A sentence for people")
    detail = serializers.JSONField(help_text="The same sentence, or the faults field by field")
    request_id = serializers.CharField()


class FiguresSerializer(serializers.Serializer[Any]):
    """Figures of one period: numerator and denominator, or what a duration KPI has in their place."""

    numerator = serializers.FloatField(required=False, help_text="A count, or dollars for a cost")
    denominator = serializers.IntegerField(required=False)
    count = serializers.IntegerField(required=False, help_text="Durations measured")
    sum_seconds = serializers.FloatField(required=False)
    mean = serializers.FloatField(required=False, allow_null=True)
    p50 = serializers.FloatField(required=False, allow_null=True)
    p75 = serializers.FloatField(required=False, allow_null=True)
    p90 = serializers.FloatField(required=False, allow_null=True)
    p95 = serializers.FloatField(required=False, allow_null=True)
    p99 = serializers.FloatField(required=False, allow_null=True)
    value = serializers.FloatField(allow_null=True, help_text="In the KPI's unit")
    verdict = serializers.ChoiceField(VERDICTS, allow_null=True, help_text="null: there is no target")
    reason = serializers.ChoiceField(REASONS, required=False, help_text="Why value is null")


class PeriodSerializer(FiguresSerializer):
    period_start = serializers.DateTimeField()
    period_end = serializers.DateTimeField(help_text="Not included")
    target = serializers.FloatField(allow_null=True, help_text="The target of that time")


class SliceSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(help_text="A value of the dimension")
    total = FiguresSerializer()
    series = PeriodSerializer(many=True)


class HeadSerializer(serializers.Serializer[Any]):
    kpi = serializers.CharField(help_text="Slug")
    title = serializers.CharField()
    persona = serializers.CharField()
    unit = serializers.ChoiceField(["ratio", "seconds", "usd"])
    direction = serializers.ChoiceField(["at_least", "at_most"], help_text="Which side of the target is good")
    target = serializers.FloatField(allow_null=True)
    baseline = serializers.FloatField(allow_null=True)


class ListedKpiSerializer(HeadSerializer, FiguresSerializer):
    dimensions = serializers.ListField(child=serializers.CharField(), help_text="For breakdown=")


def range_fields() -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    """`from` is no name for a Python attribute."""
    return {
        "environment": serializers.CharField(),
        "time_zone": serializers.CharField(help_text="The zone that days are days of"),
        "computed_until": serializers.DateTimeField(
            allow_null=True, help_text="null: nothing is computed yet"
        ),
        "from": serializers.DateTimeField(),
        "to": serializers.DateTimeField(help_text="Not included"),
    }


class KpiListSerializer(serializers.Serializer[Any]):
    kpis = ListedKpiSerializer(many=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**range_fields(), **super().get_fields()}


class KpiSerializer(HeadSerializer):
    granularity = serializers.ChoiceField(["hour", "day", "week", "month", "total"])
    total = FiguresSerializer(help_text="Over exactly the periods of the series")
    series = PeriodSerializer(many=True, help_text="Without what is not computed yet")
    excluded = serializers.DictField(
        child=serializers.IntegerField(), help_text="What could not be measured, counted by reason"
    )
    dimension = serializers.CharField(required=False, help_text="As breakdown= asked")
    breakdown = SliceSerializer(many=True, required=False, help_text="The 100 largest values")
    breakdown_left_out = serializers.IntegerField(
        required=False, help_text="How many values there are beyond"
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), **range_fields()}
