"""The shapes of the read API's answers, for the OpenAPI document alone; answers.py makes the answers."""

from typing import Any

from rest_framework import serializers

from kpis.reading.evaluation import NO_EVENTS, NOT_MEASURABLE, OFF_TARGET, ON_TARGET, TOO_FEW_EVENTS
from kpis.reading.periods import Granularity
from kpis.registry import Direction
from kpis.statistics.changes import DOWN, TOO_FEW_TO_COMPARE, UP, WITHIN_NOISE
from kpis.statistics.estimates import IntervalMethod

VERDICTS = [ON_TARGET, OFF_TARGET, TOO_FEW_EVENTS, NOT_MEASURABLE]
JUDGEMENTS = [UP, DOWN, WITHIN_NOISE, TOO_FEW_TO_COMPARE]
REASONS = [NO_EVENTS, NOT_MEASURABLE]


class ErrorSerializer(serializers.Serializer[Any]):
    """Every fault has this shape."""

    code = serializers.CharField(help_text="For programs")
    message = serializers.CharField(help_text="A sentence for people")
    detail = serializers.JSONField(help_text="The same sentence, or the faults field by field")
    request_id = serializers.CharField()


class IntervalSerializer(serializers.Serializer[Any]):
    """Both ends are included."""

    low = serializers.FloatField(allow_null=True, help_text="null: open, of too few events")
    high = serializers.FloatField(allow_null=True, help_text="null: open, of too few events")
    level = serializers.FloatField(help_text="0.95")


class FiguresSerializer(serializers.Serializer[Any]):
    """Figures of one period: numerator and denominator, or what a duration KPI has in their place."""

    # An Evaluation. The class names the published schema "Figures", so it keeps its name.

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
    interval = IntervalSerializer(
        allow_null=True, help_text="How sure the value is; null for a sum, and where there is no value"
    )
    verdict = serializers.ChoiceField(
        VERDICTS, allow_null=True, help_text="By the value alone; null: there is no target"
    )
    is_too_close_to_call = serializers.BooleanField(
        help_text="Whether the interval holds values with the other verdict"
    )
    reason = serializers.ChoiceField(REASONS, required=False, help_text="Why value is null")


class ChangeSerializer(serializers.Serializer[Any]):
    """Of the total against the previous range."""

    previous_value = serializers.FloatField()
    difference = serializers.FloatField(help_text="The value less the previous one, in the KPI's unit")
    interval = IntervalSerializer(allow_null=True, help_text="Of the difference of two ratios")
    judgement = serializers.ChoiceField(
        JUDGEMENTS, allow_null=True, help_text="Whether it is more than noise; null for a sum"
    )


class ShiftSerializer(serializers.Serializer[Any]):
    """Since when a ratio is higher or lower."""

    before = serializers.FloatField(help_text="The value of all periods before")
    since = serializers.FloatField(help_text="The value from then on")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`from` is a word of Python's own."""
        moment = serializers.DateTimeField(help_text="The start of the first period that is different")
        return {"from": moment, **super().get_fields()}


class PeriodSerializer(FiguresSerializer):
    period_start = serializers.DateTimeField()
    period_end = serializers.DateTimeField(help_text="Not included")
    target = serializers.FloatField(allow_null=True, help_text="The target in force on the period's last day")


class SliceSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(help_text="A value of the dimension")
    total = FiguresSerializer()
    change = ChangeSerializer(allow_null=True, help_text="null: one of the two has no value")
    shift = ShiftSerializer(allow_null=True, help_text="null: none that is more than noise")
    series = PeriodSerializer(many=True)


class OtherSerializer(serializers.Serializer[Any]):
    values = serializers.IntegerField(help_text="How many values it is made of")
    total = FiguresSerializer()
    series = PeriodSerializer(many=True)


class HeadSerializer(serializers.Serializer[Any]):
    kpi = serializers.CharField(help_text="Slug")
    title = serializers.CharField()
    persona = serializers.CharField()
    unit = serializers.ChoiceField(["ratio", "seconds", "usd"])
    direction = serializers.ChoiceField(
        [str(direction) for direction in Direction], help_text="Which side of the target is good"
    )
    target = serializers.FloatField(allow_null=True)
    baseline = serializers.FloatField(allow_null=True)
    interval_method = serializers.ChoiceField(
        [str(method) for method in IntervalMethod], allow_null=True, help_text="null: there are no intervals"
    )


class ListedKpiSerializer(HeadSerializer, FiguresSerializer):
    change = ChangeSerializer(allow_null=True, help_text="null: one of the two has no value")
    dimensions = serializers.ListField(child=serializers.CharField(), help_text="For breakdown=")


def range_fields() -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    """Fields of a range; a function, because `from` cannot be the name of a Python attribute."""
    return {
        "environment": serializers.CharField(),
        "time_zone": serializers.CharField(help_text="The reporting zone, whose days these are"),
        "computed_until": serializers.DateTimeField(
            allow_null=True, help_text="null: nothing is computed yet"
        ),
        "from": serializers.DateTimeField(),
        "to": serializers.DateTimeField(help_text="Not included"),
    }


class PreviousSerializer(serializers.Serializer[Any]):
    """The range of the same length before the range."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {name: field for name, field in range_fields().items() if name in {"from", "to"}}


class KpiListSerializer(serializers.Serializer[Any]):
    previous = PreviousSerializer()
    kpis = ListedKpiSerializer(many=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**range_fields(), **super().get_fields()}


class KpiSerializer(HeadSerializer):
    granularity = serializers.ChoiceField([str(granularity) for granularity in Granularity])
    total = FiguresSerializer(help_text="Over all periods of the series together")
    previous = PreviousSerializer()
    change = ChangeSerializer(allow_null=True, help_text="null: one of the two has no value")
    shift = ShiftSerializer(allow_null=True, help_text="null: none that is more than noise")
    series = PeriodSerializer(many=True, help_text="Periods that are not computed yet are left out")
    excluded = serializers.DictField(
        child=serializers.IntegerField(), help_text="What could not be measured, counted by reason"
    )
    dimension = serializers.CharField(required=False, help_text="The dimension that breakdown= names")
    breakdown = SliceSerializer(
        many=True, required=False, help_text="The 100 largest values, or as many as top= says"
    )
    breakdown_left_out = serializers.IntegerField(required=False, help_text="How many more values there are")
    breakdown_other = OtherSerializer(
        required=False, help_text="With top=: all further values as one; absent where there are none"
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), **range_fields()}
