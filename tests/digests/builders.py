"""Subscriptions with defaults, and the readings that their digests are made of."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from digests.addresses import seal_webhook
from digests.models import DigestSending, DigestSubscription
from digests.subscriptions import save_subscription
from people.models import Role
from tests.builders import NOW
from tests.people.builders import make_person

# The moment before the default digest is due: NOW is a Sunday.
MONDAY = datetime.fromisoformat("2026-02-16T08:00:00+00:00")
WEEK_START = MONDAY.replace(hour=0) - timedelta(days=7)


def make_subscriber(name: str = "ada", **fields: Any) -> User:
    return make_person(name, **{"role": Role.ANALYST, "email": f"{name}@example.com", **fields})


def subscribe(
    user: User | None = None, *, webhook: str = "", now: datetime = NOW, **fields: Any
) -> DigestSubscription:
    """Weekly, on Mondays at 8 UTC, by mail, unless said otherwise."""
    subscription = DigestSubscription(
        user=user or make_subscriber(),
        **{"time_zone": "UTC", "origin": "https://portal.example.com", **fields},
    )
    if webhook:
        subscription.webhook = seal_webhook(webhook)
    save_subscription(subscription, now=now)
    return subscription


def states() -> list[tuple[str, str, str]]:
    """(occasion, channel, state) of all sendings, sorted."""
    return sorted(DigestSending.objects.values_list("occasion", "channel", "state"))
