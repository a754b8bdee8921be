"""The admin of the audit: who changed what, filtered, and as CSV or JSON."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import Any

from auditlog import admin as library_admin  # noqa: F401  (registers the entries, as Django would later)
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.decorators import display

from audit import trail
from audit.models import AuditEntry, Verb
from config.audit.audited import AUDITED
from config.audit.export import csv_lines, json_lines
from people.access import limit_of
from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.filters import ColumnFilter, EnvironmentFilter, choice_filter
from telemetry.admin.formatting import link, pretty_json

# django-auditlog's own admin counts whole tables and searches without an index.
admin.site.unregister(AuditEntry)

# Names in the actor filter. A search finds every other actor.
MOST_ACTORS = 50
LONGEST_TEXT = 80
# The server holds an answer in memory: this many entries are about 25 MB.
MOST_EXPORTED = 50_000
PERIODS = (("Today", 0), ("7 days", 6), ("28 days", 27), ("90 days", 89))
COLOURS = {Verb.CREATED: "success", Verb.DELETED: "danger", Verb.SIGN_IN_FAILED: "warning"}


class ActorFilter(ColumnFilter):
    """Staff and the actors without an account are few; the address takes the name of any other actor."""

    title = "actor"
    parameter_name = "actor_name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        staff = get_user_model()._default_manager.filter(is_staff=True).order_by("username")
        return [(name, name) for name in staff.values_list("username", flat=True)[:MOST_ACTORS]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        return queryset.filter(actor_name=self.value()) if self.value() else queryset


class TypeFilter(ColumnFilter):
    title = "object type"
    parameter_name = "content_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        labels = {registration["model"].lower() for registration in AUDITED}
        # All of them in one query: they are few, and which ones a process knows already differs.
        types = [kind for kind in ContentType.objects.all() if f"{kind.app_label}.{kind.model}" in labels]
        return sorted(((str(kind.pk), str(kind.name)) for kind in types), key=itemgetter(1))


class DateFilter(admin.SimpleListFilter):
    """A bound of the entries' UTC day, included. The address takes any date."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        today = timezone.now().astimezone(UTC).date()
        return [((today - timedelta(days=days)).isoformat(), text) for text, days in PERIODS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        if not self.value():
            return queryset
        try:
            day = datetime.combine(date.fromisoformat(self.value() or ""), datetime.min.time(), tzinfo=UTC)
            return self.bounded(queryset, day)
        except (ValueError, OverflowError):
            return queryset.none()

    def bounded(self, queryset: QuerySet[Model], day: datetime) -> QuerySet[Model]:
        raise NotImplementedError


class FromFilter(DateFilter):
    title = "from (UTC day)"
    parameter_name = "from"

    def bounded(self, queryset: QuerySet[Model], day: datetime) -> QuerySet[Model]:
        return queryset.filter(timestamp__gte=day)


class ToFilter(DateFilter):
    title = "to (UTC day, included)"
    parameter_name = "to"

    def bounded(self, queryset: QuerySet[Model], day: datetime) -> QuerySet[Model]:
        return queryset.filter(timestamp__lt=day + timedelta(days=1))


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyModelAdmin):
    list_display = (
        "timestamp",
        "actor_text",
        "verb_text",
        "object_type",
        "object_text",
        "changed_fields",
        "environment",
        "address",
    )
    list_filter = (
        choice_filter(field="verb", choices=Verb.choices, title="action"),
        TypeFilter,
        ActorFilter,
        EnvironmentFilter,
        FromFilter,
        ToFilter,
    )
    list_select_related = ("content_type",)
    search_fields = ("actor_name__exact", "object_pk__exact", "cid__exact")
    search_help_text = "An actor, the id of an object, or the id of a request"
    # Index: audit_entry_newest, and with a filter the index of its column.
    ordering = ("-timestamp", "-id")
    fields = (
        "timestamp",
        "actor_text",
        "address",
        "verb_text",
        "object_type",
        "object_link",
        "environment",
        "before_and_after",
        "details",
        "request_id",
    )
    readonly_fields = (
        "address",
        "request_id",
        "actor_text",
        "verb_text",
        "object_type",
        "object_link",
        "before_and_after",
        "details",
    )
    change_list_template = "admin/audit/entries.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """Entries of no environment may name any: people with a limit are shown those of their environments."""
        rows, limit = super().get_queryset(request), limit_of(request.user)
        return rows if limit is None else rows.filter(environment__in=limit)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("export.csv", view(self.export_csv), name="audit_auditentry_csv"),
            path("export.json", view(self.export_json), name="audit_auditentry_json"),
            *super().get_urls(),
        ]

    @display(description="actor")
    def actor_text(self, entry: AuditEntry) -> str:
        return str(entry.actor_name or "nobody signed in")

    @display(description="action", label={verb.label: colour for verb, colour in COLOURS.items()})
    def verb_text(self, entry: AuditEntry) -> str:
        return entry.verb_label

    @display(description="type")
    def object_type(self, entry: AuditEntry) -> str:
        return str(entry.content_type.name)

    @display(description="object")
    def object_text(self, entry: AuditEntry) -> str:
        return Truncator(entry.object_repr).chars(LONGEST_TEXT)

    @display(description="address")
    def address(self, entry: AuditEntry) -> str:
        return entry.remote_addr or ""

    @display(description="request")
    def request_id(self, entry: AuditEntry) -> str:
        return entry.cid or ""

    @display(description="changed")
    def changed_fields(self, entry: AuditEntry) -> str:
        if entry.action != AuditEntry.Action.UPDATE:
            return ""
        return ", ".join(str(name).replace("_", " ") for name in entry.changes or {})

    @display(description="object")
    def object_link(self, entry: AuditEntry) -> str | SafeString:
        kind = entry.content_type
        try:
            url = reverse(f"admin:{kind.app_label}_{kind.model}_change", args=[entry.object_pk])
        except NoReverseMatch:
            return str(entry.object_repr)
        return link(url, entry.object_repr)

    @display(description="before and after")
    def before_and_after(self, entry: AuditEntry) -> SafeString | str:
        """A table of the changed fields; of a many-to-many field, what was added or removed."""
        rows = [
            (name.replace("_", " "), *values_of(change)) for name, change in (entry.changes or {}).items()
        ]
        cell = '<td class="align-top pr-6 py-1 break-words">{}</td>'
        row = "<tr>" + cell + cell + cell + "</tr>"
        head = (
            '<tr class="text-left"><th class="pr-6">field</th><th class="pr-6">before</th><th>after</th></tr>'
        )
        if not rows:
            return "-"
        return format_html("<table>{}{}</table>", SafeString(head), format_html_join("", row, rows))

    @display(description="details")
    def details(self, entry: AuditEntry) -> SafeString | str:
        return pretty_json(entry.additional_data) if entry.additional_data else "-"

    def export_csv(self, request: HttpRequest) -> StreamingHttpResponse:
        return self.export(request, lines=csv_lines, content_type="text/csv", name="audit.csv")

    def export_json(self, request: HttpRequest) -> StreamingHttpResponse:
        return self.export(request, lines=json_lines, content_type="application/json", name="audit.json")

    def export(
        self,
        request: HttpRequest,
        *,
        lines: Callable[[Iterable[AuditEntry]], Iterator[str]],
        content_type: str,
        name: str,
    ) -> StreamingHttpResponse:
        """The newest entries of the list with the address's filters. Raises PermissionDenied."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        entries = self.get_changelist_instance(request).get_queryset(request)[:MOST_EXPORTED]
        trail.note(
            Verb.EXPORTED,
            subject=ContentType.objects.get_for_model(AuditEntry),
            details={"file": name, "filters": request.GET.dict()},
        )
        return StreamingHttpResponse(
            lines(entries.iterator(chunk_size=500)),
            content_type=content_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def values_of(change: Any) -> tuple[str, str]:
    """Before and after; of a many-to-many change `+ a, b` or `- a, b` stands after."""
    if isinstance(change, dict):
        sign = "+" if change.get("operation") == "add" else "-"
        return "", f"{sign} {', '.join(map(str, change.get('objects', [])))}"
    before, after = ("-" if value in (None, "None") else str(value) for value in change)
    return before, after
