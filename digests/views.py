"""The pages of one's digest: its settings, a preview, sending one now, and unsubscribing."""

from typing import Any, cast

from csp.decorators import csp
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from digests.forms import WEEKDAYS, DigestForm
from digests.letters.composing import Letter, preview_of
from digests.models import DigestFrequency, DigestSending, DigestState, DigestSubscription
from digests.queue import enter_asked
from digests.schedule import DigestClock, latest_slot
from digests.subscriptions import (
    NotSubscribed,
    find_subscription,
    save_subscription,
    subscription_of,
    unsubscribe,
)
from kpis.formatting import moment_text, within
from pages.page_request import environments_of
from pages.verdicts import Badge
from people import mailing
from people.access import needs_right
from people.models import Right

MOST_SENDINGS_SHOWN = 10
TONES = {
    DigestState.PENDING: "few",
    DigestState.HANDING_OVER: "few",
    DigestState.SENT: "good",
    DigestState.UNSURE: "close",
    DigestState.FAILED: "bad",
}
# A mail has its styles in its tags. Nothing else of it may be loaded, run or sent.
MAIL_POLICY = {
    "default-src": ["'none'"],
    "style-src-attr": ["'unsafe-inline'"],
    "form-action": ["'none'"],
    "frame-ancestors": ["'self'"],
}


@require_http_methods(["GET", "HEAD", "POST"])
@needs_right(Right.SUBSCRIBE)
def show_digest(request: HttpRequest) -> HttpResponse:
    """The page at /account/digest/."""
    subscription = own_subscription(request)
    form = DigestForm(
        request.POST or None,
        instance=subscription,
        environments=environments_of(request),
        initial={}
        if subscription.pk
        else {"by_mail": mailing.is_configured() and bool(subscription.user.email)},
    )
    if form.is_valid():
        subscription = form.chosen()
        subscription.origin = request.build_absolute_uri("/").rstrip("/")
        save_subscription(subscription, now=timezone.now())
        messages.success(request, saved_text(subscription))
        return redirect("digest")
    context = {
        "form": form,
        "subscription": subscription,
        "next_due": next_due_text(subscription),
        "sendings": sending_rows(subscription),
        "has_mail": mailing.is_configured(),
        "chat_hosts": settings.DIGEST_CHAT_HOSTS,
    }
    return render(request, "digests/settings.html", context, status=400 if form.errors else 200)


def own_subscription(request: HttpRequest) -> DigestSubscription:
    """Of who asks. Until they say otherwise it is in the language in which they see the portal."""
    subscription = subscription_of(cast(User, request.user))
    language = get_language()
    if subscription.pk is None and language in dict(settings.LANGUAGES):
        subscription.language = language
    return subscription


def saved_text(subscription: DigestSubscription) -> str:
    if not subscription.is_active:
        return _("Saved. You get no digest.")
    return _("Saved. The next digest is due %(at)s.") % {"at": next_due_text(subscription)}


def next_due_text(subscription: DigestSubscription) -> str:
    """Monday, 23 Mar 2026, 08:00 (Europe/Berlin); "" where none is due."""
    if subscription.next_due_at is None:
        return ""
    zone = DigestClock.of(subscription).zone
    weekday = WEEKDAYS[subscription.next_due_at.astimezone(zone).weekday()]
    return f"{weekday}, {moment_text(subscription.next_due_at, zone=zone)} ({zone.key})"


def sending_rows(subscription: DigestSubscription) -> list[dict[str, Any]]:
    """What was sent last, the newest first."""
    if subscription.pk is None:
        return []
    zone = DigestClock.of(subscription).zone
    # Index: digest_sending_unique (subscription, …).
    rows = DigestSending.objects.filter(subscription=subscription).order_by("-created_at", "-pk")
    return [
        {
            "at": moment_text(row.created_at, zone=zone),
            "what": _("asked for") if row.is_asked_for else within(_(row.get_frequency_display())),
            "channel": _(row.get_channel_display()),
            "badge": Badge(
                tone=TONES[DigestState(row.state)], label=_(row.get_state_display()), hint=row.fault
            ),
            "fault": row.fault,
        }
        for row in rows[:MOST_SENDINGS_SHOWN]
    ]


@require_safe
@needs_right(Right.SUBSCRIBE)
def show_preview(request: HttpRequest) -> HttpResponse:
    """The page at /account/digest/preview/: the newest digest as mail, as text, and as it is posted to Slack."""
    letter = letter_for(request)
    context = {
        "letter": letter,
        "text": letter.text(),
        "chat": chat_texts(letter),
        "frequency": letter.digest.frequency,
        "frequencies": [(value, _(label)) for value, label in DigestFrequency.choices],
    }
    return render(request, "digests/preview.html", context)


@require_safe
@needs_right(Right.SUBSCRIBE)  # type: ignore[arg-type]  # csp's type is that of any answer; this one is plain.
@csp(MAIL_POLICY)
@xframe_options_sameorigin
def show_mail(request: HttpRequest) -> HttpResponse:
    """The HTML part of the mail as it is, which the preview has in a frame."""
    return HttpResponse(letter_for(request).html())


def letter_for(request: HttpRequest) -> Letter:
    """Of the days that were due last. `?frequency=` shows the other kind; an unknown one is a 404."""
    subscription = own_subscription(request)
    frequency = request.GET.get("frequency", "") or subscription.frequency
    if frequency not in DigestFrequency.values:
        raise Http404("There is no digest of this frequency.")
    subscription.frequency = frequency
    subscription.origin = request.build_absolute_uri("/")
    now = timezone.now()
    slot = latest_slot(DigestClock.of(subscription), now=now)
    return preview_of(subscription, slot=slot, now=now)


def chat_texts(letter: Letter) -> list[str]:
    return [block["text"]["text"] for block in letter.chat()["blocks"] if "text" in block]


@require_POST
@needs_right(Right.SUBSCRIBE)
def send_now(request: HttpRequest) -> HttpResponse:
    """Send the digest of the days that were due last, to where the stored settings say."""
    subscription = subscription_of(cast(User, request.user))
    if subscription.pk is None:
        messages.error(request, _("Save your settings first."))
    else:
        enter_asked(subscription, now=timezone.now())
        messages.success(request, _("It is on its way, and there within a minute or two."))
    return redirect("digest")


# Mail programs post without a cookie and without a token (RFC 8058). The signed address is what they know.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def show_unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """The page that the link in a mail leads to. Programs that follow links change nothing: only a post does."""
    try:
        subscription = find_subscription(token)
    except NotSubscribed:
        raise Http404("There is no subscription with this link.") from None
    if request.method == "POST":
        unsubscribe(subscription)
    context = {"is_over": not subscription.is_active, "person": subscription.user.get_username()}
    return render(request, "digests/unsubscribe.html", context)
