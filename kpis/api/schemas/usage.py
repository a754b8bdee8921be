"""The shapes of the answers of agents and costs, for the OpenAPI document alone; usage.py makes the answers."""

from typing import Any

from rest_framework import serializers

from kpis.api.schemas.kpis import range_fields
from kpis.reading.usage.breakdown import UsageDimension


class UsageSerializer(serializers.Serializer[Any]):
    model_calls = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_usd = serializers.FloatField(help_text="Reported and estimated")
    reported_usd = serializers.FloatField()
    estimated_usd = serializers.FloatField(help_text="Minutes of runs of which nothing reports a cost")


class AgentFiguresSerializer(UsageSerializer):
    runs = serializers.IntegerField(help_text="Agent runs that ended, cancelled ones included")
    failed = serializers.IntegerField()
    completed_or_failed = serializers.IntegerField()
    failure_rate = serializers.FloatField(allow_null=True, help_text="failed / completed_or_failed")
    retries = serializers.IntegerField(help_text="Runs that were no first attempt")


class ErrorCountSerializer(serializers.Serializer[Any]):
    error_type = serializers.CharField(help_text="… counts the rarer ones of a day together")
    runs = serializers.IntegerField()


class AgentTotalSerializer(AgentFiguresSerializer):
    p50_seconds = serializers.FloatField(allow_null=True, help_text="null: no duration is known")
    p95_seconds = serializers.FloatField(allow_null=True)
    error_types = ErrorCountSerializer(many=True, help_text="The most frequent first")
    previous = AgentFiguresSerializer(help_text="Over the range before, which is as long")


class AgentSerializer(AgentTotalSerializer):
    agent = serializers.CharField()


class AgentListSerializer(serializers.Serializer[Any]):
    total = AgentTotalSerializer()
    agents = AgentSerializer(many=True, help_text="The 100 with most runs")
    agents_left_out = serializers.IntegerField(help_text="How many more there are")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**range_fields(), **super().get_fields()}


class UsageDaySerializer(UsageSerializer):
    period_start = serializers.DateTimeField()
    period_end = serializers.DateTimeField(help_text="Not included")


class UsageTotalSerializer(UsageSerializer):
    previous = UsageSerializer(help_text="Over the range before, which is as long")


class UsageSliceSerializer(UsageTotalSerializer):
    value = serializers.CharField(allow_blank=True, help_text="Empty: without an agent or a model")
    days = UsageDaySerializer(many=True)


class CostsSerializer(serializers.Serializer[Any]):
    by = serializers.ChoiceField([*map(str, UsageDimension), "day"])
    total = UsageTotalSerializer()
    days = UsageDaySerializer(many=True, help_text="Days that are not computed yet are left out")
    breakdown = UsageSliceSerializer(many=True, help_text="The 100 with the highest cost; none by day")
    breakdown_left_out = serializers.IntegerField(help_text="How many more there are")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**range_fields(), **super().get_fields()}
