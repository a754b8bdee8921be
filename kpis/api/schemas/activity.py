"""The shapes of the answer on active users and sessions, for the OpenAPI document alone; activity.py makes it."""

from typing import Any

from rest_framework import serializers

from kpis.api.schemas.kpis import range_fields


class ActivityNumbersSerializer(serializers.Serializer[Any]):
    sessions = serializers.IntegerField(allow_null=True, help_text="null: nothing is computed yet")
    active_users = serializers.IntegerField(
        allow_null=True, help_text="null: nothing is computed yet, or no session named its user"
    )


class ActivityRangeSerializer(ActivityNumbersSerializer):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = range_fields()
        return {"from": fields["from"], "to": fields["to"], **super().get_fields()}


class ActivitySerializer(ActivityNumbersSerializer):
    previous = ActivityRangeSerializer(help_text="The range before, which is as long")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**range_fields(), **super().get_fields()}
