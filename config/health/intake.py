"""Checks of what clients send: what is rejected, what the quarantine holds, keys, and maintenance."""

from collections import defaultdict
from datetime import datetime, timedelta

from django.db.models import Sum

from config.health.findings import Finding, HealthStatus, counted, seconds_text, status_above
from config.health.pipeline import largest, values_of
from metrics.families.portal import portal_families
from telemetry import maintenance
from telemetry.counters.bridge import read_counters
from telemetry.models import ApiKey, LedgerHour

DAY = timedelta(days=1)
# Shares of a source's events. A source with fewer events than FEW_EVENTS is not judged.
SOME_REJECTED = 0.05
MANY_REJECTED = 0.5
FEW_EVENTS = 20
FULL_QUARANTINE = 10_000
OVERFULL_QUARANTINE = 1_000_000
EXPIRY_NOTICE = timedelta(days=14)
EXPIRY_ALARM = timedelta(days=2)
SHOWN_KEYS = 20


def rejected_events(now: datetime) -> Finding:
    """Each source's share of rejected events in the last 24 hours; the worst decides."""
    received, rejected = events_by_source(since=now - DAY)
    shares = {source: rejected[source] / count for source, count in received.items() if count}
    if not shares:
        return Finding(HealthStatus.OK, "nothing was received in the last 24 h")
    judged = {source: share for source, share in shares.items() if received[source] >= FEW_EVENTS}
    worst_share = max(judged.values(), default=0.0)
    total, refused = sum(received.values()), sum(rejected.values())
    details = tuple(
        (source, f"{shares[source]:.1%} of {received[source]:,}")
        for source in sorted(shares, key=lambda source: (-shares[source], source))
        if rejected[source]
    )
    return Finding(
        status_above(worst_share, warning=SOME_REJECTED, critical=MANY_REJECTED),
        f"{counted(refused, 'event')} of {total:,} rejected ({refused / total:.1%}) in 24 h",
        value=round(worst_share, 4),
        details=details,
    )


def events_by_source(*, since: datetime) -> tuple[dict[str, int], dict[str, int]]:
    """Numbers of all events and of the rejected ones, by `environment/source`."""
    sources = {
        key: f"{environment}/{source}"
        for key, environment, source in ApiKey.objects.values_list("pk", "environment_id", "source")
    }
    # The ledger's index begins with the key: to name all keys reads their newest hours and no others.
    hours = LedgerHour.objects.filter(key__in=list(sources), hour__gte=since)
    received: dict[str, int] = defaultdict(int)
    rejected: dict[str, int] = defaultdict(int)
    for key, outcome, events in hours.values_list("key", "outcome").annotate(total=Sum("events")):
        received[sources[key]] += events
        rejected[sources[key]] += events if outcome == "rejected" else 0
    return received, rejected


def quarantine(now: datetime) -> Finding:
    """Rejected events that were neither replayed nor deleted."""
    kept = values_of(portal_families(read_counters(), now=now), name="portal_quarantine_events")
    events = int(sum(kept.values()))
    status = status_above(events, warning=FULL_QUARANTINE, critical=OVERFULL_QUARANTINE)
    text = f"{counted(events, 'event')} kept" if events else "empty"
    return Finding(status, text, value=events, details=largest(kept, unit="events"))


def expiring_keys(now: datetime) -> Finding:
    """Keys in force that end within two weeks."""
    keys = ApiKey.objects.filter(expires_at__gt=now, expires_at__lte=now + EXPIRY_NOTICE)
    soon = list(keys.exclude(revoked_at__lte=now).order_by("expires_at", "pk")[:SHOWN_KEYS])
    if not soon:
        return Finding(HealthStatus.OK, "none expires within 14 days", value=0)
    is_urgent = any(key.expires_at is not None and key.expires_at - now <= EXPIRY_ALARM for key in soon)
    details = tuple((name_of(key), expiry_text(key, now=now)) for key in soon)
    text = f"{counted(len(soon), 'key')} {'expires' if len(soon) == 1 else 'expire'} within 14 days"
    return Finding(
        HealthStatus.CRITICAL if is_urgent else HealthStatus.WARNING, text, value=len(soon), details=details
    )


def name_of(key: ApiKey) -> str:
    return f"{key.environment_id}/{key.source} ({key.scope}, {key.prefix}…)"


def expiry_text(key: ApiKey, *, now: datetime) -> str:
    left = (key.expires_at - now).total_seconds() if key.expires_at else 0.0
    return f"in {seconds_text(left)}"


def maintenance_state(now: datetime) -> Finding:
    """Whether posts are refused because somebody said so."""
    if maintenance.is_on(now=now):
        return Finding(HealthStatus.WARNING, "on: posts are answered 503", value=1)
    return Finding(HealthStatus.OK, "off", value=0)
