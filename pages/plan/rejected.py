"""The page of one rejected event: what was wrong, what to do about it, what is kept of it, and its neighbours."""

import json
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from kpis.days import reporting_zone
from kpis.formatting import moment_text
from pages.live.texts import taken_text
from pages.page_request import PageState
from pages.plan.event import rejected_text
from pages.plan.state import event_url
from pages.plan.texts import client_text, name_text
from pages.thing_links import rejected_url
from people.access import may_see, needs_right
from people.models import Right
from telemetry.models import QuarantinedEvent
from telemetry.plan import TrackingPlan, get_plan
from telemetry.quality.rejected import faults_of, find_rejected, neighbours_of, property_at

MAY_READ_ADMIN = "telemetry.view_quarantinedevent"


@require_safe
@needs_right(Right.EXPLORE)
def show_rejected(request: HttpRequest, pk: int) -> HttpResponse:
    """The page at /plan/rejected/<id>/."""
    row = find_rejected(pk)
    # One of an environment that the person may not see does not exist for them.
    if row is None or not may_see(request.user, row.environment):
        raise Http404("There is no rejected event of this number.")
    context = rejected_context(row, plan=get_plan())
    if request.user.has_perm(MAY_READ_ADMIN):
        context["admin_url"] = reverse("admin:telemetry_quarantinedevent_change", args=[row.pk])
    return render(request, "pages/plan/rejected.html", context)


def rejected_context(row: QuarantinedEvent, *, plan: TrackingPlan) -> dict[str, Any]:
    """What rejected.html prints."""
    zone, neighbours = reporting_zone(), neighbours_of(row)
    state = PageState(environment=row.environment)
    return {
        "name": name_text(row.event),
        "environment": row.environment,
        "faults": [
            replace(fault, takes=taken_text(property_at(plan, event=row.event, field=fault.field)))
            for fault in faults_of(row, plan=plan)
        ],
        "facts": [
            (_("Received"), moment_text(row.received_at, zone=zone)),
            (_("Environment"), row.environment),
            (_("Source"), row.source),
            (_("Client"), client_text(row.client)),
            (_("Its id"), row.event_id or _("none")),
            (_("Place in its post"), f"{row.position + 1}"),
            (_("Replay"), replay_text(row)),
        ],
        "payload": json.dumps(row.payload, indent=2, ensure_ascii=False),
        "is_whole": row.is_whole,
        "older_url": rejected_url(neighbours.older) if neighbours.older else "",
        "newer_url": rejected_url(neighbours.newer) if neighbours.newer else "",
        "of_post": [rejected_text(other, zone=zone) for other in neighbours.of_post],
        "event_url": event_url(row.event, state=state),
        "list_url": reverse("plan") + state.query(),
        "time_zone": zone.key,
    }


def replay_text(row: QuarantinedEvent) -> str:
    if row.replayed_at is not None:
        return _("It was replayed: %(outcome)s") % {"outcome": row.outcome}
    if row.is_whole:
        return _("It can be replayed when the plan accepts it")
    return _("It can't be replayed: a value was not kept")
