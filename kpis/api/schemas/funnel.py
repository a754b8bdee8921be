"""The shapes of the funnel's answer, for the OpenAPI document alone; funnel.py makes it."""

from typing import Any

from rest_framework import serializers

from kpis.api.schemas.kpis import range_fields
from workbench.models import FunnelStep


class FunnelStepSerializer(serializers.Serializer[Any]):
    step = serializers.ChoiceField([step.name.lower() for step in FunnelStep])
    sessions = serializers.IntegerField(help_text="That took this step after all steps before it")
    stopped = serializers.IntegerField(allow_null=True, help_text="Of them, those that took no later step")
    conversion = serializers.FloatField(allow_null=True, help_text="sessions / sessions of the step before")
    conversion_from_start = serializers.FloatField(
        allow_null=True, help_text="sessions / sessions of the first step"
    )
    median_seconds = serializers.FloatField(allow_null=True, help_text="From the step before to this one")
    mean_seconds = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(required=False, help_text="Why figures are null: no_events or first_step")


class FunnelRangeSerializer(serializers.Serializer[Any]):
    steps = FunnelStepSerializer(many=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = range_fields()
        return {"from": fields["from"], "to": fields["to"], **super().get_fields()}


class FunnelSerializer(serializers.Serializer[Any]):
    steps = FunnelStepSerializer(many=True)
    previous = FunnelRangeSerializer(required=False, help_text="The range before, which is as long")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        asked = {name: serializers.CharField(allow_blank=True) for name in ("source", "template")}
        return {**range_fields(), **asked, **super().get_fields()}
