"""The shapes of the answers about the plan, for the OpenAPI document alone; plan.py makes the answers."""

from typing import Any

from rest_framework import serializers


class TrafficSerializer(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    rejected = serializers.IntegerField()
    rejected_share = serializers.FloatField(
        allow_null=True, help_text="Of accepted and rejected, 0 to 1. null: nothing came"
    )
    codes = serializers.DictField(
        child=serializers.IntegerField(), help_text="Rejected events by code, the most frequent first"
    )


class PartUseSerializer(serializers.Serializer[Any]):
    accepted_ever = serializers.IntegerField(help_text="Since counting began")
    first_seen = serializers.DateField(allow_null=True, help_text="UTC day; null: never")
    last_seen = serializers.DateField(allow_null=True)


class DeprecatedUseSerializer(serializers.Serializer[Any]):
    property = serializers.CharField(help_text="Empty: the event itself is deprecated")
    source = serializers.CharField()  # type: ignore[assignment]  # Taken off the class.
    client = serializers.CharField(help_text="Empty: not known")
    events = serializers.IntegerField()
    last_at = serializers.DateTimeField()


class ListedEventSerializer(TrafficSerializer, PartUseSerializer):
    event = serializers.CharField()
    in_plan = serializers.BooleanField(help_text="false: a name that is only rejected")
    description = serializers.CharField()
    last_accepted_at = serializers.DateTimeField(allow_null=True, help_text="Within the days")
    never_sent_properties = serializers.ListField(child=serializers.CharField())
    deprecated_uses = DeprecatedUseSerializer(many=True)


class ClientTrafficSerializer(TrafficSerializer):
    source = serializers.CharField()  # type: ignore[assignment]  # Taken off the class.
    client = serializers.CharField(help_text="name/version. Empty: not known; …: past the budget")


class SourceTrafficSerializer(TrafficSerializer):
    source = serializers.CharField()  # type: ignore[assignment]  # Taken off the class.


class ClockBoundSerializer(serializers.Serializer[Any]):
    up_to_seconds = serializers.IntegerField(help_text="Included; below 0 the timestamp is behind")
    posts = serializers.IntegerField()


class ClockSerializer(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment]  # Taken off the class.
    posts = serializers.IntegerField()
    bounds = ClockBoundSerializer(
        many=True, help_text="Posts by how far their newest timestamp was ahead of the receipt"
    )


class DaysSerializer(serializers.Serializer[Any]):
    environment = serializers.CharField()
    first_day = serializers.DateField(help_text="UTC day of receipt, included")
    last_day = serializers.DateField(help_text="Included")


class PlanFiguresSerializer(DaysSerializer):
    counted_from = serializers.DateField(allow_null=True, help_text="The first day with figures; null: none")
    total = TrafficSerializer()
    events = ListedEventSerializer(many=True, help_text="In the plan's order, then names that it lacks")
    clients = ClientTrafficSerializer(many=True, help_text="The most rejected first")
    sources = SourceTrafficSerializer(many=True, help_text="The most rejected first")
    clocks = ClockSerializer(many=True)


class ListedValueSerializer(PartUseSerializer):
    value = serializers.CharField()
    events = serializers.IntegerField()


class PlanPropertySerializer(PartUseSerializer):
    property = serializers.CharField()
    type = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]  # Taken off the class.
    description = serializers.CharField()
    deprecated_until = serializers.DateField(allow_null=True)
    events = serializers.IntegerField(help_text="Accepted events that have it")
    share = serializers.FloatField(allow_null=True, help_text="Of accepted events, 0 to 1")
    values = ListedValueSerializer(many=True, help_text="Values that the plan lists, and no others")


class EventDaySerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    accepted = serializers.IntegerField()
    rejected = serializers.IntegerField()


class RejectionSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # Taken off the class.
    client = serializers.CharField()
    events = serializers.IntegerField()
    share = serializers.FloatField(help_text="Of what this client sent of the event, 0 to 1")


class PlanEventSerializer(DaysSerializer, ListedEventSerializer):
    days = EventDaySerializer(many=True)
    properties = PlanPropertySerializer(many=True)
    rejections = RejectionSerializer(many=True, help_text="The most frequent first")
