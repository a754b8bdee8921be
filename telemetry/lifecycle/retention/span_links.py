"""Forgets the links of spans a week after they came. No policy is needed, and no hold keeps them: they say nothing."""

from datetime import datetime

from django.db import transaction

from telemetry.models import SpanLink

# On SQLite posts wait while they are deleted.
LINKS_PER_STEP = 2_000


def forget_links(*, now: datetime) -> int:
    """Delete the links that are old enough, some in each transaction; returns how many. Safe to repeat."""
    # Index: span_link_received (received_at).
    old = SpanLink.objects.filter(received_at__lt=now - SpanLink.KEPT_FOR).order_by("received_at")
    forgotten = 0
    while keys := list(old.values_list("pk", flat=True)[:LINKS_PER_STEP]):
        with transaction.atomic():
            SpanLink.objects.filter(pk__in=keys)._raw_delete("default")
        forgotten += len(keys)
    return forgotten
