"""The admin of the tracking plan: what runs, which plans ran before, what differs, and what clients make of it."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from people.access import Person, environments_allowed, may_see
from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.formatting import link, pretty_json
from telemetry.counters import plan_use
from telemetry.counters.plan_use import NameUse
from telemetry.models import Environment, PlanLoad, PlanVersion
from telemetry.plan import PlanFault, TrackingPlan, get_plan
from telemetry.plan.codes import RejectionCode
from telemetry.plan.history import compare, digest_of_plan

DIGEST_LENGTH = 12
OFFERED_VERSIONS = 100
SHOWN_LOADS = 50
SHOWN_NAMES = 100

Table = dict[str, list[Any]]


def moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M}"


class ComparisonForm(forms.Form):
    """Which two versions; without a choice the newest and the one before it."""

    old = forms.TypedChoiceField(coerce=int, label="From", widget=UnfoldAdminSelectWidget)
    new = forms.TypedChoiceField(coerce=int, label="To", widget=UnfoldAdminSelectWidget)

    def __init__(self, data: Any, *, versions: Sequence[PlanVersion]) -> None:
        newest = [version.pk for version in versions[:2]]
        chosen = {"new": newest[:1], "old": newest[-1:]} if newest else {}
        super().__init__({name: data.get(name, *default) for name, default in chosen.items()})
        choices = [
            (version.pk, f"{version}, first loaded {moment(version.first_loaded_at)}") for version in versions
        ]
        for field in ("old", "new"):
            cast(forms.TypedChoiceField, self.fields[field]).choices = choices


@admin.register(PlanVersion)
class PlanVersionAdmin(ReadOnlyModelAdmin):
    list_display = ("name", "short_digest", "first_loaded_at", "last_loaded_at", "runs_on")
    fields = ("version", "digest", "first_loaded_at", "last_loaded_at", "runs_on", "comparison", "plan")
    readonly_fields = ("runs_on", "comparison", "plan")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("in-use/", wrap(self.in_use), name="telemetry_planversion_in_use"),
            path("compare/", wrap(self.compare), name="telemetry_planversion_compare"),
        ]
        return [*own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        return super().get_queryset(request).prefetch_related("loads")

    @display(description="version")
    def name(self, version: PlanVersion) -> str:
        return version.version

    @display(description="hash")
    def short_digest(self, version: PlanVersion) -> str:
        return version.digest[:DIGEST_LENGTH]

    @display(description="runs on")
    def runs_on(self, version: PlanVersion) -> str:
        loads = sorted(map(str, version.loads.all()))
        more = f" and {len(loads) - 5} more" if len(loads) > 5 else ""
        return ", ".join(loads[:5]) + more

    @display(description="differences")
    def comparison(self, version: PlanVersion) -> SafeString | str:
        before = PlanVersion.objects.filter(pk__lt=version.pk).order_by("-pk").first()
        if before is None:
            return "It is the first one."
        query = urlencode({"old": before.pk, "new": version.pk})
        return link(f"{reverse('admin:telemetry_planversion_compare')}?{query}", f"From {before}")

    @display(description="plan")
    def plan(self, version: PlanVersion) -> SafeString:
        return pretty_json(json.loads(version.content))

    def page(self, request: HttpRequest, *, template: str, title: str, **context: Any) -> HttpResponse:
        """A page of its own in the admin's frame. Raises PermissionDenied."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        values = {**self.admin_site.each_context(request), "title": title, **context}
        return TemplateResponse(request, f"admin/telemetry/planversion/{template}.html", values)

    def in_use(self, request: HttpRequest) -> HttpResponse:
        """What runs, and what clients make of it."""
        plan, environments = get_plan(), environments_allowed(request.user, Environment.names())
        asked = request.GET.get("environment", "")
        chosen = asked if asked in environments else next(iter(environments), "")
        seen = {
            event: counts
            for event, in_all in plan_use.seen_events(plan).items()
            if (counts := {name: number for name, number in in_all.items() if may_see(request.user, name)})
        }
        return self.page(
            request,
            template="in_use",
            title="Tracking plan in use",
            plan=plan,
            property_count=sum(len(event.properties) for event in plan.events.values()),
            digest=digest_of_plan(plan),
            loads=loads_table(digest=digest_of_plan(plan)),
            deprecations=deprecations_table(
                plan, seen=seen, person=request.user, today=timezone.now().date()
            ),
            never_seen=plan_use.never_seen(plan, seen=seen),
            unknown=unknown_table(chosen),
            newest_rejected=f"{plan_use.NEWEST_REJECTED:,}",
            lately_days=plan_use.LATELY.days,
            # `environment` is a name of unfold's: a badge beside the title.
            chosen=chosen,
            environments=environments,
        )

    def compare(self, request: HttpRequest) -> HttpResponse:
        """What differs between two versions."""
        versions = list(PlanVersion.objects.order_by("-pk")[:OFFERED_VERSIONS])
        form = ComparisonForm(request.GET, versions=versions)
        context: dict[str, Any] = {"form": form, "has_versions": bool(versions)}
        if form.is_valid():
            by_id = {version.pk: version for version in versions}
            context |= comparison_context(
                old=by_id[form.cleaned_data["old"]], new=by_id[form.cleaned_data["new"]]
            )
        return self.page(request, template="compare", title="Differences between two plans", **context)


@admin.register(PlanLoad)
class PlanLoadAdmin(ReadOnlyModelAdmin):
    list_display = ("machine", "process", "plan", "loaded_at")
    list_select_related = ("plan",)
    fields = ("machine", "process", "plan", "loaded_at")


def comparison_context(*, old: PlanVersion, new: PlanVersion) -> dict[str, Any]:
    try:
        comparison = compare(old=old, new=new, today=timezone.now().date())
    except PlanFault as fault:
        return {"faults": fault.faults}
    rows = [
        [difference.part, difference.aspect, difference.kind, difference.before, difference.after]
        for difference in comparison.differences
    ]
    return {
        "old": old,
        "new": new,
        "breaking": comparison.breaking,
        "differences": {"headers": ["part", "what", "change", "before", "after"], "rows": rows},
    }


def loads_table(*, digest: str) -> Table:
    """The newest loads. `digest` is the plan of the process that answers."""
    loads = PlanLoad.objects.select_related("plan").order_by("-loaded_at", "-pk")[:SHOWN_LOADS]
    rows = [
        [
            load.machine,
            load.process,
            f"{load.plan}" + ("" if load.plan.digest == digest else ", another one than here"),
            moment(load.loaded_at),
        ]
        for load in loads
    ]
    return {"headers": ["machine", "process", "plan", "loaded at (UTC)"], "rows": rows}


def deprecations_table(
    plan: TrackingPlan, *, seen: dict[str, dict[str, int]], person: Person, today: date
) -> Table:
    """A row for each deprecated part of the plan, the earliest end first."""
    uses = [use for use in plan_use.deprecated_uses(plan, today=today) if may_see(person, use.environment)]
    parts = sorted(
        (mark.until, event.name, name, mark.instead, mark.is_over(today=today))
        for event in plan.events.values()
        for name, mark in event.deprecations
    )
    rows = [
        [
            f"{event}.{name}" if name else event,
            f"{until} (over)" if is_over else f"{until}",
            instead,
            "" if name else f"{sum(seen.get(event, {}).values()):,}",
            senders(use for use in uses if (use.event, use.property) == (event, name)),
        ]
        for until, event, name, instead, is_over in parts
    ]
    headers = ["part", "accepted until", "instead", "events so far", "who still sends it"]
    return {"headers": headers, "rows": rows}


def senders(uses: Iterable[NameUse]) -> SafeString | str:
    lines = ((use.environment, use.source, use.events, moment(use.last_at)) for use in uses)
    return format_html_join("", "<div>{}/{}: {}, last {}</div>", lines) or "nobody lately"


def unknown_table(environment: str) -> Table:
    """A row for each unknown name of a source. A name leads to the rejected events of its code."""
    uses = plan_use.unknown_names(environment=environment)
    rows = [
        [
            quarantine_link(use),
            f"property of {use.event}" if use.property else "event",
            use.source,
            f"{use.events:,}",
            moment(use.first_at),
            moment(use.last_at),
        ]
        for use in uses[:SHOWN_NAMES]
    ]
    return {"headers": ["name", "what it is", "source", "events", "first (UTC)", "last (UTC)"], "rows": rows}


def quarantine_link(use: NameUse) -> SafeString:
    code = RejectionCode.UNKNOWN_PROPERTY if use.property else RejectionCode.UNKNOWN_EVENT
    query = urlencode({"environment": use.environment, "code": code})
    address = reverse("admin:telemetry_quarantinedevent_changelist")
    return link(f"{address}?{query}", use.property or use.event)
