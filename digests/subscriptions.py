"""A person's subscription: made, changed, ended, also by the link in a mail."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing

from digests.models import DigestSubscription
from digests.schedule import DigestClock, next_due_at
from people.access import has_right
from people.models import Right

# A link works as long as the subscription is there: mail is read late.
SIGNER = signing.Signer(salt="digests.unsubscribe", sep=".")


class NotSubscribed(LookupError):
    """The link was made up, or its subscription is gone."""


def subscription_of(user: User) -> DigestSubscription:
    """The person's, or one that is not stored yet: with the defaults, and in the reporting zone."""
    found = DigestSubscription.objects.filter(user=user).select_related("user").first()
    return found or DigestSubscription(user=user, time_zone=settings.REPORTING_TIME_ZONE)


def save_subscription(subscription: DigestSubscription, *, now: datetime) -> None:
    """Store the person's choice. The next digest is the first that is due after `now`."""
    clock = DigestClock.of(subscription)
    subscription.next_due_at = next_due_at(clock, now=now) if subscription.is_active else None
    subscription.save()


def token_of(subscription: DigestSubscription) -> str:
    """Of the link that ends it."""
    return SIGNER.sign(str(subscription.pk))


def find_subscription(token: str) -> DigestSubscription:
    """What the link's token belongs to. Raises NotSubscribed."""
    try:
        number = int(SIGNER.unsign(token))
    except (signing.BadSignature, ValueError):
        raise NotSubscribed from None
    found = DigestSubscription.objects.filter(pk=number).select_related("user").first()
    if found is None:
        raise NotSubscribed
    return found


def unsubscribe(subscription: DigestSubscription) -> None:
    """No further digest is sent by itself, not even one that waits; one that the person asked for still is.

    The settings stay. Safe to repeat.
    """
    if subscription.is_active:
        subscription.is_active, subscription.next_due_at = False, None
        subscription.save(update_fields=["is_active", "next_due_at"])


def origin_of(subscription: DigestSubscription) -> str:
    """What links begin with: PUBLIC_URL, else the address at which the person opened the portal to subscribe."""
    return str(settings.PUBLIC_URL or subscription.origin).rstrip("/")


def may_get_digests(user: User) -> bool:
    """Whether the person may still sign in and subscribe."""
    return user.is_active and has_right(user, Right.SUBSCRIBE)
