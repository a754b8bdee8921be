"""The read API of what came of the tracking plan: GET /api/plan/events/ and one event (docs/plan.md)."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from kpis.api.access import ReadView
from kpis.api.parameters import KnownFormats, bad_parameter, bad_range, not_found, range_of
from kpis.api.schemas.plan import PlanEventSerializer, PlanFiguresSerializer
from kpis.api.views import ERRORS, RANGE_PARAMETERS
from kpis.days import local_day
from kpis.reading.periods import Granularity, InvalidRange, last_date, split
from telemetry.counters.key_traffic import Traffic
from telemetry.counters.sent import CLOCK_BOUNDS
from telemetry.plan import get_plan
from telemetry.quality.days import Sending, SendingClient, Series, SourceClock
from telemetry.quality.event import EventReading, PropertyFigures, read_event
from telemetry.quality.events import DeprecatedUse, EventFigures, PartUse, PlanFigures, read_plan_figures
from web.moments import rfc3339

SENDER_PARAMETERS = [
    OpenApiParameter("source", description="Events of this source only."),
    OpenApiParameter("client", description="Events of this client only, like `analytics-python/2.3`."),
]


class PlanEventsView(ReadView):
    renderer_classes = [JSONRenderer]
    content_negotiation_class = KnownFormats
    parameter_names = ("environment", "from", "to", "source", "client")

    @extend_schema(
        operation_id="listPlanEvents",
        summary="Every event of the tracking plan: volume, rejections, who sends them, what is never sent",
        description="By UTC day of receipt, over the days of the range: by default the last 28.",
        tags=["plan"],
        parameters=[*RANGE_PARAMETERS, *SENDER_PARAMETERS],
        responses={200: PlanFiguresSerializer, **ERRORS},
    )
    def get(self, request: Request) -> Response:
        parameters = self.parameters(request)
        environment = self.environment(request, name=parameters["environment"])
        sending = sending_of(parameters, environment=environment)
        return Response(plan_json(read_plan_figures(get_plan(), sending=sending)))


class PlanEventView(ReadView):
    renderer_classes = [JSONRenderer]
    content_negotiation_class = KnownFormats
    parameter_names = ("environment", "from", "to")

    @extend_schema(
        operation_id="readPlanEvent",
        summary="One event: properties and values, days, and who is rejected for what",
        description="As in the list. Values are counted only where the plan lists them.",
        tags=["plan"],
        parameters=RANGE_PARAMETERS,
        responses={200: PlanEventSerializer, **ERRORS},
    )
    def get(self, request: Request, event: str) -> Response:
        parameters = self.parameters(request)
        environment = self.environment(request, name=parameters["environment"])
        sending = sending_of(parameters, environment=environment)
        # No name has a NUL, and PostgreSQL takes none.
        reading = None if "\0" in event else read_event(event, plan=get_plan(), sending=sending)
        if reading is None:
            raise not_found("unknown_event", "There is no event of this name; /api/plan/ lists them.")
        return Response(event_json(reading, sending=sending))


def sending_of(parameters: Mapping[str, str], *, environment: str) -> Sending:
    """The UTC days of the range's dates. Raises ApiError 400."""
    asked = range_of(parameters, now=timezone.now())
    try:
        split(asked, granularity=Granularity.DAY)
    except InvalidRange as error:
        raise bad_range(error) from error
    for name in ("source", "client"):
        if "\0" in parameters.get(name, ""):
            raise bad_parameter(f"{name}: No name has this character.")
    return Sending(
        environment=environment,
        first_day=local_day(asked.start, zone=asked.zone),
        last_day=last_date(asked, zone=asked.zone),
        source=parameters.get("source", ""),
        client=parameters.get("client") or None,
    )


def plan_json(figures: PlanFigures) -> dict[str, Any]:
    return {
        **days_json(figures.sending),
        "counted_from": day_json(figures.counted_from),
        "total": traffic_json(figures.traffic),
        "events": [listed_event_json(event) for event in figures.events],
        "clients": [{**sender_json(sender), **traffic_json(traffic)} for sender, traffic in figures.senders],
        "sources": [{"source": source, **traffic_json(traffic)} for source, traffic in figures.sources],
        "clocks": [clock_json(clock) for clock in figures.clocks],
    }


def event_json(reading: EventReading, *, sending: Sending) -> dict[str, Any]:
    return {
        **days_json(sending),
        **listed_event_json(reading.figures),
        "days": series_json(reading.figures.series, days=sending.days),
        "properties": [property_json(row) for row in reading.properties],
        "rejections": [
            {"code": row.code, **sender_json(row.sender), "events": row.events, "share": row.share}
            for row in reading.rejections
        ],
    }


def days_json(sending: Sending) -> dict[str, Any]:
    return {
        "environment": sending.environment,
        "first_day": sending.first_day.isoformat(),
        "last_day": sending.last_day.isoformat(),
    }


def day_json(day: date | None) -> str | None:
    return day.isoformat() if day else None


def listed_event_json(event: EventFigures) -> dict[str, Any]:
    definition = event.definition
    return {
        "event": event.name,
        "in_plan": definition is not None,
        "description": definition.description if definition else "",
        **traffic_json(event.traffic),
        **use_json(event.use),
        "last_accepted_at": rfc3339(event.last_at) if event.last_at else None,
        "never_sent_properties": list(event.never_sent),
        "deprecated_uses": [deprecated_json(use) for use in event.deprecated_uses],
    }


def traffic_json(traffic: Traffic) -> dict[str, Any]:
    return {
        "accepted": traffic.accepted,
        "rejected": traffic.rejected,
        "rejected_share": traffic.rejected_share,
        "codes": dict(sorted(traffic.codes.items(), key=lambda item: (-item[1], item[0]))),
    }


def use_json(use: PartUse | None) -> dict[str, Any]:
    return {
        "accepted_ever": use.events if use else 0,
        "first_seen": day_json(use.first_day if use else None),
        "last_seen": day_json(use.last_day if use else None),
    }


def sender_json(sender: SendingClient) -> dict[str, str]:
    return {"source": sender.source, "client": sender.client}


def deprecated_json(use: DeprecatedUse) -> dict[str, Any]:
    return {
        "property": use.part,
        **sender_json(use.sender),
        "events": use.events,
        "last_at": rfc3339(use.last_at),
    }


def property_json(row: PropertyFigures) -> dict[str, Any]:
    return {
        "property": row.definition.name,
        "type": row.definition.type.value,
        "required": row.definition.required,
        "description": row.definition.description,
        "deprecated_until": day_json(
            row.definition.deprecation.until if row.definition.deprecation else None
        ),
        "events": row.events,
        "share": row.share,
        **use_json(row.use),
        "values": [
            {"value": value.value, "events": value.events, **use_json(value.use)} for value in row.values
        ],
    }


def clock_json(clock: SourceClock) -> dict[str, Any]:
    return {
        "source": clock.source,
        "posts": clock.total,
        "bounds": [
            {"up_to_seconds": bound, "posts": posts}
            for bound, posts in zip(CLOCK_BOUNDS, clock.posts, strict=True)
        ],
    }


def series_json(series: Series, *, days: Sequence[date]) -> list[dict[str, Any]]:
    return [
        {"day": day.isoformat(), "accepted": accepted, "rejected": rejected}
        for day, accepted, rejected in zip(days, series.accepted, series.rejected, strict=True)
    ]
