"""The page of an event: its properties and values, its volume, who is rejected for what, and an example."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from kpis.days import reporting_zone
from kpis.formatting import DASH, Figure, compact_text, count_text, moment_text, percent_text
from pages.live.texts import taken_text
from pages.page_request import PageRequest, environments_of, no_environment_page, page_request_or_404
from pages.plan.list import controls_of, sending_of
from pages.plan.state import NO_NAME, PlanState, client_part, event_url
from pages.plan.texts import (
    client_text,
    day_text,
    last_seen_text,
    make_day_chart,
    name_text,
    notes_on,
    share_text,
    small_percent,
)
from pages.thing_links import rejected_url
from people.access import has_right, needs_right
from people.models import Right
from telemetry.counters.sent import OTHERS
from telemetry.models import QuarantinedEvent
from telemetry.plan import EventDefinition, PropertyType, get_plan
from telemetry.plan.examples import example_event
from telemetry.quality.event import EventReading, PropertyFigures, Rejection, ValueFigures, read_event
from telemetry.quality.rejected import newest_rejected

# Filters of the rejected events in the URL.
FILTERS = ("code", "source", "client")


@dataclass(frozen=True, kw_only=True)
class ValueText:
    value: str
    share: str
    is_never: bool


@dataclass(frozen=True, kw_only=True)
class PropertyText:
    """`share` is of the events that have it; `size`, 0 to 100, is the length of its bar."""

    name: str
    description: str
    takes: str
    is_required: bool
    notes: Sequence[str]
    share: str
    size: float
    count: str
    values: Sequence[ValueText]
    values_seen: str
    first_seen: str
    last_seen: str


@dataclass(frozen=True, kw_only=True)
class RejectionText:
    code: str
    source: str
    client: str
    events: str
    share: str
    url: str


@dataclass(frozen=True, kw_only=True)
class RejectedText:
    """A rejected event in a list; its first error only."""

    url: str
    received: str
    received_iso: str
    event: str
    code: str
    field: str
    source: str
    client: str


@require_safe
@needs_right(Right.VIEW_PAGES)
def show_event(request: HttpRequest, event: str) -> HttpResponse:
    """The page at /plan/<event>/."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    name = "" if event == NO_NAME else event
    narrowed = PlanState.from_query({part: request.GET.get(part, "") for part in FILTERS})
    page = page_request_or_404(request, environments=environments)
    page = replace(page, state=page.state.with_extra(**narrowed.parts))
    # The filters choose among the rejected events: figures are of all sources and clients.
    sending = sending_of(page, PlanState())
    # No name has a NUL, and PostgreSQL takes none.
    reading = None if "\0" in name else read_event(name, plan=get_plan(), sending=sending)
    if reading is None:
        raise Http404("There is no event of this name.")
    may_explore = has_right(request.user, Right.EXPLORE)
    zone = reporting_zone()
    context = {
        "controls": controls_of(page),
        "fault": page.fault,
        **event_context(reading, page=page, zone=zone),
        "chart": make_day_chart(reading.figures.series, days=sending.days),
        "may_explore": may_explore,
        "rejected": rejected_rows(name, narrowed=narrowed, page=page, zone=zone) if may_explore else [],
        "filters": filter_texts(narrowed),
        "unfiltered_url": event_url(name, state=page.state),
        "is_others": name == OTHERS,
    }
    return render(request, "pages/plan/event.html", context, status=page.status)


def event_context(reading: EventReading, *, page: PageRequest, zone: ZoneInfo) -> dict[str, Any]:
    figures = reading.figures
    return {
        "name": name_text(figures.name),
        "definition": figures.definition,
        "meant": get_plan().name_index.find(figures.name) if figures.definition is None else "",
        "notes": notes_on(figures),
        "tiles": make_tiles(reading, zone=zone),
        "properties": [property_text(row) for row in reading.properties],
        "rejections": [rejection_text(row, name=figures.name, page=page) for row in reading.rejections],
        "deprecated_uses": [
            {
                "part": use.part or _("the event"),
                "source": use.sender.source,
                "client": client_text(use.sender.client),
                "events": count_text(use.events),
                "last": moment_text(use.last_at, zone=zone),
            }
            for use in figures.deprecated_uses
        ],
        "example": example_text(figures.definition) if figures.definition else "",
        "list_url": reverse("plan") + page.state.shared().query(),
        "time_zone": zone.key,
    }


def make_tiles(reading: EventReading, *, zone: ZoneInfo) -> list[Figure]:
    figures = reading.figures
    rejected, use = share_text(figures.traffic), figures.use
    tiles = [
        Figure(_("Accepted"), compact_text(figures.traffic.accepted)),
        Figure(_("Rejected"), compact_text(figures.traffic.rejected)),
        Figure(_("Share rejected"), rejected.share),
    ]
    if figures.definition is None:
        return tiles
    return [
        *tiles,
        Figure(_("First seen"), day_text(use.first_day if use else None)),
        Figure(_("Last seen"), last_seen_text(figures, zone=zone)),
        Figure(_("Accepted ever"), compact_text(use.events if use else 0)),
    ]


def property_text(row: PropertyFigures) -> PropertyText:
    definition, use = row.definition, row.use
    return PropertyText(
        name=definition.name,
        description=definition.description,
        takes=takes_text(row),
        is_required=definition.required,
        notes=property_notes(row),
        share=DASH if row.share is None else small_percent(row.share),
        size=round(100 * (row.share or 0), 1),
        count=compact_text(row.events),
        values=[value_text(value, events=row.events) for value in row.values],
        values_seen=seen_text(row) if row.values else "",
        first_seen=day_text(use.first_day if use else None),
        last_seen=day_text(use.last_day if use else None),
    )


def seen_text(row: PropertyFigures) -> str:
    return _("%(seen)s of %(count)s values seen") % {"seen": row.seen_values, "count": len(row.values)}


def takes_text(row: PropertyFigures) -> str:
    """What it accepts; the values of an enumeration have a column of their own."""
    is_listed = row.definition.type is PropertyType.ENUM
    return _("one of its values") if is_listed else taken_text(row.definition)


def property_notes(row: PropertyFigures) -> list[str]:
    notes = [] if row.use else [_("never sent")]
    if mark := row.definition.deprecation:
        sentence = (
            _("deprecated until %(date)s, use %(instead)s")
            if mark.instead
            else _("deprecated until %(date)s")
        )
        notes.append(sentence % {"date": mark.until, "instead": mark.instead})
    if row.definition.pseudonymised:
        notes.append(_("stored as a keyed hash"))
    return notes


def value_text(row: ValueFigures, *, events: int) -> ValueText:
    share = small_percent(row.events / events) if events else percent_text(0)
    return ValueText(value=row.value, share=share if row.use else _("never"), is_never=row.use is None)


def rejection_text(row: Rejection, *, name: str, page: PageRequest) -> RejectionText:
    filters = {"code": row.code, "source": row.sender.source, "client": client_part(row.sender.client)}
    return RejectionText(
        code=row.code,
        source=row.sender.source,
        client=client_text(row.sender.client),
        events=count_text(row.events),
        share=small_percent(row.share),
        url=event_url(name, state=page.state, **filters) + "#rejected",
    )


def rejected_rows(name: str, *, narrowed: PlanState, page: PageRequest, zone: ZoneInfo) -> list[RejectedText]:
    # The counters have "…" for clients past a source's budget; the quarantine has their names.
    client = None if narrowed.client == OTHERS else narrowed.client
    rows = newest_rejected(
        environment=page.environment, event=name, code=narrowed.code, source=narrowed.source, client=client
    )
    return [rejected_text(row, zone=zone) for row in rows]


def rejected_text(row: QuarantinedEvent, *, zone: ZoneInfo) -> RejectedText:
    more = len(row.errors) - 1
    field = row.errors[0]["field"] if row.errors else ""
    return RejectedText(
        url=rejected_url(row.pk),
        received=moment_text(row.received_at, zone=zone),
        received_iso=row.received_at.isoformat(),
        event=name_text(row.event),
        code=row.code,
        field=_("%(names)s and %(count)s more") % {"names": field, "count": more} if more > 0 else field,
        source=row.source,
        client=client_text(row.client),
    )


def filter_texts(narrowed: PlanState) -> list[str]:
    texts = [narrowed.code, narrowed.source]
    if narrowed.client is not None:
        texts.append(client_text(narrowed.client))
    return [text for text in texts if text]


def example_text(definition: EventDefinition) -> str:
    example: Mapping[str, Any] = example_event(definition, now=timezone.now().replace(microsecond=0))
    return json.dumps(example, indent=2, ensure_ascii=False)
