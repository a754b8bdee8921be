"""The admin of keys, raw events and everything that the door writes, and of the people who may sign in."""

import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db.models import Max, Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminTextInputWidget

from telemetry import keys
from telemetry.admin.big_tables import (
    BrowsedModelAdmin,
    EnvironmentFilter,
    FixedOrderChangeList,
    KnownValueFilter,
    choice_filter,
    compact_duration,
    environment_names,
    pretty_json,
)
from telemetry.models import (
    ApiKey,
    Arrival,
    BridgeCounter,
    Environment,
    LedgerHour,
    QuarantinedEvent,
    RawEvent,
)
from telemetry.plan.codes import RejectionCode

# How many of the newest arrivals tell which day is the newest.
RECENT_ARRIVALS = 200
DAYS_AFTER, DAYS_BEFORE = 2, 10
OUTCOMES = ("accepted", "duplicate", "rejected")


def same(values: Iterable[str]) -> list[tuple[str, str]]:
    """Choices that are shown as they are stored."""
    return [(str(value), str(value)) for value in values]


def link(url: str, text: object) -> SafeString:
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, text)


def arrival_link(arrival_id: int) -> SafeString:
    return link(reverse("admin:telemetry_arrival_change", args=[arrival_id]), arrival_id)


# Access ---------------------------------------------------------------------------------------------------

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    pass


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a new key is made of; its environment is made with it where it is new."""

    environment_name = forms.CharField(label="Environment", max_length=64, widget=UnfoldAdminTextInputWidget)

    class Meta:
        model = ApiKey
        fields = ["scope", "source", "requests_per_minute", "expires_at"]
        help_texts = {
            "source": "The application that posts or reads with it; its events carry it.",
            "expires_at": "In UTC. Empty: the key works until it is revoked.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = ", ".join(environment_names()[:20]) or "none"
        self.fields[
            "environment_name"
        ].help_text = f"Where its events belong; a new one is made. So far: {known}."
        rate = self.fields["requests_per_minute"]
        rate.required = False
        rate.help_text = f"Posts above this rate are answered 429. Empty: {keys.DEFAULT_REQUESTS_PER_MINUTE}."

    def clean_environment_name(self) -> str:
        return checked_name("environment", self.cleaned_data["environment_name"])

    def clean_source(self) -> str:
        return checked_name("source", self.cleaned_data["source"])

    def clean_expires_at(self) -> datetime | None:
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise ValidationError("A key that has already expired would be of no use; take a later moment.")
        return expires_at


def checked_name(what: str, name: str) -> str:
    try:
        keys.check_name(what, name)
    except keys.BadKeyName as error:
        raise ValidationError(str(error)) from error
    return name


def state_of(key: ApiKey, *, now: datetime) -> str:
    if key.revoked_at is not None and key.revoked_at <= now:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    return "in force"


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """Keys are made and revoked, never changed and never deleted: arrivals and the ledger name them."""

    list_display = (
        "name",
        "scope",
        "environment_id",
        "source",
        "requests_per_minute",
        "created_at",
        "expires_at",
        "state",
    )
    list_filter = (EnvironmentFilter, "scope", ("revoked_at", admin.EmptyFieldListFilter))
    list_display_links = ("name",)
    list_per_page = 50
    list_fullwidth = True
    show_full_result_count = False
    ordering = ("-pk",)
    actions = ("revoke_selected",)
    add_fieldsets = (
        (None, {"fields": ("scope", "environment_name", "source", "requests_per_minute", "expires_at")}),
    )
    fields = (
        "prefix",
        "scope",
        "environment",
        "source",
        "requests_per_minute",
        "created_at",
        "expires_at",
        "revoked_at",
        "posts",
    )
    readonly_fields = ("posts",)

    @display(description="key", ordering="prefix")
    def name(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @display(description="state", label={"in force": "success", "expired": "warning", "revoked": "danger"})
    def state(self, key: ApiKey) -> str:
        return state_of(key, now=timezone.now())

    @display(description="posts")
    def posts(self, key: ApiKey) -> SafeString:
        arrivals = reverse("admin:telemetry_arrival_changelist")
        return link(f"{arrivals}?{urlencode({'key': key.pk})}", "Its newest posts")

    def get_form(self, request: HttpRequest, obj: ApiKey | None = None, **kwargs: Any) -> Any:
        return super().get_form(request, obj, **(kwargs if obj else {**kwargs, "form": KeyForm}))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.has_perm("telemetry.view_apikey") or self.has_revoke_permission(request))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may change keys may revoke them: it is the only change there is."""
        return bool(request.user.has_perm("telemetry.change_apikey"))

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        key, secret = keys.create_key(
            scope=obj.scope,
            environment=form.cleaned_data["environment_name"],
            source=obj.source,
            requests_per_minute=obj.requests_per_minute,
            expires_at=obj.expires_at,
            now=timezone.now(),
        )
        obj.pk = key.pk
        obj.refresh_from_db()
        text = format_html(
            "The new key, shown this once: <code>{}</code> Copy it now; only its hash is kept.", secret
        )
        messages.warning(request, text)

    @action(description="Revoke selected keys", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        in_force = list(queryset.filter(revoked_at=None))
        for key in in_force:
            keys.revoke_key(key=key, now=timezone.now())
            self.log_change(request, key, "Revoked.")
        messages.success(
            request, f"Revoked {len(in_force)} of the selected keys; the others were revoked before."
        )


@admin.register(Environment)
class EnvironmentAdmin(BrowsedModelAdmin):
    list_display = ("name", "created_at", "raw_kept_from")
    fields = ("name", "created_at", "raw_kept_from")
    ordering = ("name",)


# Pipeline -------------------------------------------------------------------------------------------------


class KeyFilter(KnownValueFilter):
    title = "key"
    parameter_name = "key"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(str(key.pk), str(key)) for key in ApiKey.objects.order_by("-pk")]


class PendingFilter(admin.SimpleListFilter):
    """Pending arrivals have an index of their own: the list is quick however many were taken."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("pending", "Pending"), ("taken", "Taken by the fold")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        if self.value() in {"pending", "taken"}:
            return queryset.filter(taken_at__isnull=self.value() == "pending")
        return queryset


@admin.register(Arrival)
class ArrivalAdmin(BrowsedModelAdmin):
    list_display = (
        "id",
        "received_at",
        "environment",
        "source",
        "accepted",
        "duplicates",
        "rejections",
        "state",
        "taken_after",
    )
    list_filter = (PendingFilter, EnvironmentFilter, KeyFilter)
    fields = (
        "environment",
        "source",
        "key",
        "received_at",
        "taken_at",
        "taken_after",
        "accepted",
        "duplicates",
        "rejections",
        "first_day",
        "last_day",
        "its_events",
    )
    readonly_fields = ("rejections", "taken_after", "its_events")
    list_select_related = False

    @display(description="rejected")
    def rejections(self, arrival: Arrival) -> str:
        codes = ", ".join(f"{code} {count}" for code, count in sorted(arrival.rejected.items()))
        total = sum(arrival.rejected.values())
        return f"{total} ({codes})" if total else "0"

    @display(description="state", label={"pending": "warning", "taken": "success"})
    def state(self, arrival: Arrival) -> str:
        return "taken" if arrival.taken_at else "pending"

    @display(description="taken after")
    def taken_after(self, arrival: Arrival) -> str:
        """How long the fold took to come for it; for a pending one, how long it has waited."""
        duration = (arrival.taken_at or timezone.now()) - arrival.received_at
        return compact_duration(duration) if arrival.taken_at else f"waiting {compact_duration(duration)}"

    @display(description="what came in it")
    def its_events(self, arrival: Arrival) -> SafeString:
        query = urlencode({"q": arrival.pk})
        raw = reverse("admin:telemetry_rawevent_changelist")
        quarantined = reverse("admin:telemetry_quarantinedevent_changelist")
        return format_html(
            "{} · {}",
            link(f"{raw}?{query}", "Accepted events"),
            link(f"{quarantined}?{query}", "Rejected events"),
        )


def newest_day(*, now: datetime) -> date:
    """The newest UTC day that a recent arrival brought events of; today if there is none."""
    recent = Arrival.objects.order_by("-pk")[:RECENT_ARRIVALS].aggregate(newest=Max("last_day"))
    day: date | None = recent["newest"]
    return day or now.astimezone(UTC).date()


class DayFilter(admin.SimpleListFilter):
    """One UTC day, which is one partition on PostgreSQL; the newest unless another is asked for.

    A search names an arrival, whose events an index finds on any day.
    """

    title = "day (UTC)"
    parameter_name = "day"

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any
    ) -> None:
        self.newest = newest_day(now=timezone.now())
        self.is_searching = bool(request.GET.get("q", "").strip())
        super().__init__(request, params, model, model_admin)

    @property
    def day(self) -> date:
        try:
            return date.fromisoformat(self.value() or "")
        except ValueError:
            return self.newest

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        latest = min(self.day.toordinal() + DAYS_AFTER, self.newest.toordinal())
        earliest = max(self.day.toordinal() - DAYS_BEFORE, date.min.toordinal())
        days = [date.fromordinal(number) for number in range(latest, earliest - 1, -1)]
        return [(day.isoformat(), f"{day:%a} {day.isoformat()}") for day in days]

    def choices(self, changelist: Any) -> Iterator[Any]:
        newest, *days = super().choices(changelist)
        yield {**newest, "display": f"Newest ({self.newest.isoformat()})"}
        yield from days

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        return queryset if self.is_searching and not self.value() else queryset.filter(day=self.day)


class RawEventChangeList(FixedOrderChangeList):
    """Its links name the day as well: without it PostgreSQL would look into every partition."""

    def url_for_result(self, result: RawEvent) -> str:
        return raw_event_url(result)


def raw_event_url(event: RawEvent) -> str:
    return reverse("admin:telemetry_rawevent_change", args=[f"{event.day.isoformat()}.{event.event_key}"])


@admin.register(RawEvent)
class RawEventAdmin(BrowsedModelAdmin):
    list_display = ("occurred_at", "event", "environment", "source", "session_id", "arrival")
    list_filter = (DayFilter, EnvironmentFilter)
    # The index on the arrival serves this order, within one partition; only an arrival's own events are sorted.
    ordering = ("-arrival_id", "-occurred_at")
    search_fields = ("arrival_id__exact",)
    search_help_text = "The number of an arrival"
    fields = (
        "event",
        "occurred_at",
        "day",
        "environment",
        "source",
        "arrival",
        "session_id",
        "event_id",
        "event_key",
        "its_properties",
    )
    readonly_fields = ("arrival", "its_properties")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RawEventChangeList]:
        return RawEventChangeList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> RawEvent | None:
        day, _, event_key = object_id.partition(".")
        try:
            wanted = {"day": date.fromisoformat(day), "event_key": uuid.UUID(event_key)}
        except ValueError:
            return None
        return RawEvent.objects.filter(**wanted).first()

    @display(description="arrival")
    def arrival(self, event: RawEvent) -> SafeString:
        return arrival_link(event.arrival_id)

    @display(description="properties")
    def its_properties(self, event: RawEvent) -> SafeString:
        return pretty_json(event.properties)


@admin.register(QuarantinedEvent)
class QuarantinedEventAdmin(BrowsedModelAdmin):
    list_display = ("received_at", "event", "code", "where", "environment", "source", "arrival")
    list_filter = (EnvironmentFilter, choice_filter(field="code", choices=same(RejectionCode)))
    search_fields = ("arrival_id__exact",)
    search_help_text = "The number of an arrival"
    fields = (
        "event",
        "all_errors",
        "redacted_event",
        "event_id",
        "environment",
        "source",
        "received_at",
        "arrival",
        "position",
    )
    readonly_fields = ("arrival", "all_errors", "redacted_event")

    @display(description="arrival")
    def arrival(self, event: QuarantinedEvent) -> SafeString:
        return arrival_link(event.arrival_id)

    @display(description="field")
    def where(self, event: QuarantinedEvent) -> str:
        more = f" and {len(event.errors) - 1} more" if len(event.errors) > 1 else ""
        return f"{event.errors[0]['field']}{more}" if event.errors else ""

    @display(description="errors")
    def all_errors(self, event: QuarantinedEvent) -> SafeString:
        rows = ((error["code"], error["field"], error["message"]) for error in event.errors)
        return format_html(
            '<ul class="flex flex-col gap-1">{}</ul>',
            format_html_join("", "<li><code>{}</code> · <code>{}</code> · {}</li>", rows),
        )

    @display(description="event, as far as it may be kept")
    def redacted_event(self, event: QuarantinedEvent) -> SafeString:
        return pretty_json(event.payload)


@admin.register(LedgerHour)
class LedgerHourAdmin(BrowsedModelAdmin):
    list_display = ("hour", "key", "environment", "outcome", "reason", "events")
    list_filter = (KeyFilter, choice_filter(field="outcome", choices=same(OUTCOMES)))
    list_select_related = ("key",)


@admin.register(BridgeCounter)
class BridgeCounterAdmin(BrowsedModelAdmin):
    list_display = ("family", "environment", "labels", "bin", "value")
    list_filter = (EnvironmentFilter,)
    # The order of its unique key.
    ordering = ("family", "environment", "labels", "bin")
    search_fields = ("family__exact",)
    search_help_text = "The whole name of a family, like workbench_events_total"
