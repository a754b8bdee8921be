"""The digest of a subscription, and the mail and the chat message that it becomes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import override

from digests.letters.content import Digest, make_digest
from digests.letters.writing import chat_message, news_of, plain_digest
from digests.models import DigestFrequency, DigestSending, DigestSubscription
from digests.schedule import DigestSlot, zone_named
from digests.subscriptions import origin_of, token_of
from kpis.reading.periods import Range
from people.access import environments_allowed
from telemetry.models import Environment


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A digest with the links that belong to its subscription; "" where no address of the portal is known.

    All its texts are in its own language, whoever asks for them.
    """

    digest: Digest
    language: str
    settings_url: str
    unsubscribe_url: str

    @property
    def subject(self) -> str:
        with override(self.language):
            return self.digest.subject

    def text(self) -> str:
        links = {"settings_url": self.settings_url, "unsubscribe_url": self.unsubscribe_url}
        with override(self.language):
            return plain_digest(self.digest, **links)

    def html(self) -> str:
        context: dict[str, Any] = {
            "letter": self,
            "digest": self.digest,
            "language": self.language,
        }
        with override(self.language):
            context["parts"] = [(part, news_of(part)) for part in self.digest.parts]
            return render_to_string("digests/mail.html", context)

    def chat(self) -> dict[str, Any]:
        with override(self.language):
            return chat_message(self.digest, settings_url=self.settings_url)


def letter_of(sending: DigestSending, *, now: datetime) -> Letter:
    """Of the days for which it was entered, with what the person has chosen and may see now."""
    days = Range(start=sending.period_start, end=sending.period_end, zone=zone_named(sending.time_zone))
    return write_letter(
        sending.subscription, frequency=DigestFrequency(sending.frequency), days=days, now=now
    )


def preview_of(subscription: DigestSubscription, *, slot: DigestSlot, now: datetime) -> Letter:
    """What would be sent for the slot; the subscription need not be stored."""
    days = Range(start=slot.start, end=slot.end, zone=slot.clock.zone)
    return write_letter(subscription, frequency=slot.clock.frequency, days=days, now=now)


def write_letter(
    subscription: DigestSubscription, *, frequency: DigestFrequency, days: Range, now: datetime
) -> Letter:
    origin = origin_of(subscription)
    with override(subscription.language):
        digest = make_digest(
            frequency=frequency,
            range=days,
            environments=environments_in(subscription),
            kpis=subscription.kpis,
            origin=origin,
            now=now,
        )
    has_links = bool(origin and subscription.pk)
    ending = reverse("digest-unsubscribe", args=[token_of(subscription)]) if has_links else ""
    return Letter(
        digest=digest,
        language=subscription.language,
        settings_url=f"{origin}{reverse('digest')}" if has_links else "",
        unsubscribe_url=f"{origin}{ending}" if has_links else "",
    )


def environments_in(subscription: DigestSubscription) -> list[str]:
    """Those that the person chose and may see; all that they may see where they chose none."""
    allowed = environments_allowed(subscription.user, Environment.names())
    return [name for name in allowed if not subscription.environments or name in subscription.environments]


def mail_of(sending: DigestSending, letter: Letter) -> EmailMultiAlternatives:
    """A text and an HTML part, with what RFC 8058 asks of a mail that a click ends."""
    headers = {
        "Message-ID": message_id(sending),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    if letter.unsubscribe_url:
        headers["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
    if letter.unsubscribe_url.startswith("https://"):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail = EmailMultiAlternatives(
        subject=letter.subject,
        body=letter.text(),
        to=[sending.subscription.user.email],
        headers=headers,
    )
    mail.attach_alternative(letter.html(), "text/html")
    return mail


def message_id(sending: DigestSending) -> str:
    """The same in each attempt, and another one in each portal: a mailbox shows one of those that are equal."""
    name = f"{sending.subscription_id} {sending.channel} {sending.occasion}"
    mark = salted_hmac("digests.message_id", name, algorithm="sha256").hexdigest()[:32]
    return f"<digest-{mark}@workbench-analytics>"
