"""The admin of API keys, and of the environments that they belong to."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.views import ChangeList

from telemetry import keys
from telemetry.admin.big_tables import LimitedModelAdmin, ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter
from telemetry.admin.formatting import ago, compact_duration, link, number_of, percent
from telemetry.admin.keys.forms import KeyChangeForm, KeyForm, RotationForm
from telemetry.counters.key_traffic import KeyTraffic, Traffic, clients_of, events_of, traffic_of
from telemetry.models import ApiKey, Environment, KeyState

STATE_COLOURS = {
    KeyState.IN_FORCE: "success",
    "expires soon": "warning",
    KeyState.EXPIRED: "warning",
    KeyState.REVOKED: "danger",
}


class KeyChangeList(ChangeList):
    """The list with what each shown key sent, read once for the page."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        listed = list(self.result_list)
        traffic = traffic_of([key.pk for key in listed], now=timezone.now())
        for key in listed:
            key.traffic = traffic[key.pk]
        self.result_list = listed


@admin.register(ApiKey)
class ApiKeyAdmin(LimitedModelAdmin):
    """Keys are created, rotated and revoked, never deleted: arrivals and the ledger refer to them.

    Only their notes and their allowed events are changed.
    """

    list_display = (
        "name",
        "sends_as",
        "state",
        "expires_in",
        "last_used",
        "last_day",
        "last_week",
        "most_frequent_code",
        "newest_client",
    )
    list_filter = (EnvironmentFilter, "scope", ("revoked_at", admin.EmptyFieldListFilter))
    list_display_links = ("name",)
    list_per_page = 50
    list_fullwidth = True
    list_select_related = False
    show_full_result_count = False
    sortable_by = ()
    ordering = ("-pk",)
    actions = ("revoke_selected",)
    actions_detail = ("rotate",)
    add_fieldsets = (
        (None, {"fields": ("scope", "environment_name", "source", "requests_per_minute", "expires_at")}),
        (None, {"fields": ("allowed_events", "notes")}),
    )
    fieldsets = (
        (None, {"fields": ("prefix", "scope", "environment", "source", "allowed_events", "notes")}),
        (
            "Use",
            {
                "fields": (
                    "first_used_at",
                    "last_used_at",
                    "last_day",
                    "last_week",
                    "codes",
                    "events",
                    "clients",
                    "posts",
                )
            },
        ),
        (
            "Life",
            {
                "fields": (
                    "created_at",
                    "expires_at",
                    "revoked_at",
                    "replaced_by",
                    "replaces",
                    "requests_per_minute",
                )
            },
        ),
    )

    @display(description="key", ordering="prefix")
    def name(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @display(description="state", label=STATE_COLOURS)
    def state(self, key: ApiKey) -> str:
        now = timezone.now()
        state = key.state_at(now)
        is_ending = key.expires_at is not None and key.expires_at <= now + keys.EXPIRY_NOTICE
        return "expires soon" if state is KeyState.IN_FORCE and is_ending else state

    @display(description="for")
    def sends_as(self, key: ApiKey) -> str:
        return f"{key.scope}, {key.environment_id}/{key.source}"

    @display(description="expires")
    def expires_in(self, key: ApiKey) -> str:
        if key.expires_at is None:
            return "never"
        left = key.expires_at - timezone.now()
        return f"in {compact_duration(left)}" if left.total_seconds() > 0 else f"{key.expires_at:%Y-%m-%d}"

    @display(description="last used")
    def last_used(self, key: ApiKey) -> str:
        last = ago(key.last_used_at, now=timezone.now())
        return f"{last}, first {key.first_used_at:%Y-%m-%d}" if key.first_used_at else last

    @display(description="24 hours")
    def last_day(self, key: ApiKey) -> str:
        return in_words(traffic_shown(key).day)

    @display(description="7 days")
    def last_week(self, key: ApiKey) -> str:
        return in_words(traffic_shown(key).week)

    @display(description="mostly as")
    def most_frequent_code(self, key: ApiKey) -> str:
        return traffic_shown(key).week.most_frequent_code or "-"

    @display(description="client")
    def newest_client(self, key: ApiKey) -> str:
        return traffic_shown(key).client or "-"

    @display(description="rejected in 7 days")
    def codes(self, key: ApiKey) -> SafeString | str:
        codes = traffic_shown(key).week.codes.most_common()
        return format_html_join(", ", "<code>{}</code> {}", codes) or "none"

    @display(description="events of its newest posts")
    def events(self, key: ApiKey) -> str:
        return ", ".join(f"{name} ({number:,})" for name, number in events_of(key)) or "none"

    @display(description="clients of its newest posts")
    def clients(self, key: ApiKey) -> str:
        return ", ".join(f"{client} ({posts})" for client, posts in clients_of(key)) or "not known"

    @display(description="posts")
    def posts(self, key: ApiKey) -> SafeString:
        arrivals = reverse("admin:telemetry_arrival_changelist")
        return link(f"{arrivals}?{urlencode({'key': key.pk})}", "Its newest posts")

    @display(description="successor")
    def replaced_by(self, key: ApiKey) -> SafeString | str:
        return key_link(key.successor) if key.successor else "-"

    @display(description="takes the place of")
    def replaces(self, key: ApiKey) -> SafeString | str:
        predecessor = ApiKey.objects.filter(successor=key).first()
        return key_link(predecessor) if predecessor else "-"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeyChangeList

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        shown = (name for _, options in self.fieldsets for name in options["fields"])
        return tuple(name for name in shown if name not in KeyChangeForm.Meta.fields) if obj else ()

    def get_form(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        if not self.has_change_permission(request, obj) and obj:
            return super().get_form(request, obj, **kwargs)
        return super().get_form(request, obj, **{**kwargs, "form": KeyChangeForm if obj else KeyForm})

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.has_perm("telemetry.view_apikey") or self.has_revoke_permission(request))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """The permission to change keys."""
        return bool(request.user.has_perm("telemetry.change_apikey"))

    def has_rotate_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Who rotates a key makes one and ends one."""
        return self.has_add_permission(request) and self.has_revoke_permission(request)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        cleaned = form.cleaned_data
        if change:
            keys.change_key(key=obj, allowed_events=cleaned["allowed_events"], notes=cleaned["notes"])
            return
        key, secret = keys.create_key(
            scope=obj.scope,
            environment=cleaned["environment_name"],
            source=obj.source,
            requests_per_minute=obj.requests_per_minute,
            expires_at=obj.expires_at,
            allowed_events=cleaned["allowed_events"],
            notes=cleaned["notes"],
            now=timezone.now(),
        )
        obj.pk = key.pk
        obj.refresh_from_db()
        show_secret(request, secret)

    @action(description="Revoke selected keys", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        in_force = list(queryset.filter(revoked_at=None))
        for key in in_force:
            keys.revoke_key(key=key, now=timezone.now())
            self.log_change(request, key, "Revoked.")
        messages.success(
            request, f"Revoked {len(in_force)} of the selected keys; the others were already revoked."
        )

    @action(description="Rotate", icon="autorenew", url_path="rotate", permissions=["rotate"])
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = cast(ApiKey, get_object_or_404(self.get_queryset(request), pk=number_of(object_id)))
        form = RotationForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            return self.rotated(request, key, form=form)
        return TemplateResponse(
            request, "telemetry/confirm.html", self.rotation_page(request, key, form=form)
        )

    def rotated(self, request: HttpRequest, key: ApiKey, *, form: RotationForm) -> HttpResponse:
        try:
            successor, secret = keys.rotate_key(
                key=key, overlap=form.cleaned_data["overlap"], now=timezone.now()
            )
        except keys.NotRotatable as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(url_of_key(key))
        self.log_change(request, key, f"Rotated: {successor} takes its place.")
        self.log_addition(request, successor, f"Takes the place of {key}.")
        show_secret(request, secret)
        return HttpResponseRedirect(url_of_key(successor))

    def rotation_page(self, request: HttpRequest, key: ApiKey, *, form: RotationForm) -> dict[str, Any]:
        paragraphs = [
            "A new key takes the place of this one: the same scope, environment, source, rate and allowed events. "
            "Its secret is shown once, on the next page.",
            "Give the new key to the application, and see here that the old one is no longer used before it ends.",
        ]
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Rotate {key}",
            "paragraphs": paragraphs,
            "facts": [
                ("Last used", ago(key.last_used_at, now=timezone.now())),
                ("Expires", self.expires_in(key)),
            ],
            "form": form,
            "verb": "Rotate",
            "back_url": url_of_key(key),
        }


def url_of_key(key: ApiKey) -> str:
    return reverse("admin:telemetry_apikey_change", args=[key.pk])


def key_link(key: ApiKey) -> SafeString:
    return link(url_of_key(key), key)


def show_secret(request: HttpRequest, secret: str) -> None:
    # Without the style a phone scrolls sideways; unfold has no class for it.
    text = (
        'The new key: <code style="overflow-wrap: anywhere">{}</code> '
        "Copy it now. It is not shown again, because only its hash is kept."
    )
    messages.warning(request, format_html(text, secret))


def traffic_shown(key: ApiKey) -> KeyTraffic:
    """What the key sent: the list has read it already, a key's own page has not."""
    traffic: KeyTraffic | None = getattr(key, "traffic", None)
    if traffic is None:
        traffic = traffic_of([key.pk], now=timezone.now())[key.pk]
        key.traffic = traffic  # type: ignore[attr-defined]  # As the list does.
    return traffic


def in_words(traffic: Traffic) -> str:
    """`1,234: 2.5 % rejected`, or `none`."""
    if traffic.rejected_share is None:
        return "none"
    return f"{traffic.received:,}: {percent(traffic.rejected_share)} rejected"


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyModelAdmin):
    list_display = ("name", "created_at", "raw_kept_from", "things_kept_from")
    fields = ("name", "created_at", "raw_kept_from", "things_kept_from")
    ordering = ("name",)
