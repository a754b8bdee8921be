"""What comes in: nothing from an environment that sent before, or too much that is refused."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import OuterRef, Subquery, Sum

from alerts.rules.findings import UNTOLD_ENVIRONMENTS, AlertFinding, RuleResult
from alerts.rules.rollup import late_environments
from alerts.thresholds import NO_EVENTS, QUARANTINE_GROWING
from telemetry import maintenance
from telemetry.models import ApiKey, Arrival, Environment, LedgerHour, Scope
from workbench.buckets import bucket_of, bucket_start
from workbench.models import EventCount

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def find_silence(now: datetime) -> RuleResult:
    """Environments that sent events at this time of yesterday, and of a week ago, and send none now.

    The events of the demo and of the smoke test come in one go, so these are left out. Nothing is said where the rollup
    is late, nor until maintenance was over for as long as a silence lasts: events were refused in that time.
    """
    since = now - NO_EVENTS.window
    if maintenance.was_on(since=since, now=now):
        return RuleResult(unknown_environments=frozenset(Environment.names()))
    late = frozenset(late_environments(now))
    silent = usually_busy(now=now) - late - UNTOLD_ENVIRONMENTS - heard_environments(since=since)
    return RuleResult(findings=[silence_finding(name) for name in sorted(silent)], unknown_environments=late)


def usually_busy(*, now: datetime) -> set[str]:
    """Those with enough events yesterday; and a week ago, if they were there by then."""
    yesterday, a_week_ago = (busy_environments(until=now - back) for back in (DAY, 7 * DAY))
    since = now - 7 * DAY - NO_EVENTS.window
    old = set(Environment.objects.filter(created_at__lte=since).values_list("name", flat=True))
    return {name for name in yesterday if name in a_week_ago or name not in old}


def busy_environments(*, until: datetime) -> set[str]:
    """Those with as many events as the threshold says, in the window that ends with the bucket before `until`."""
    end = bucket_start(bucket_of(until))
    # Index: event_count_unique, which begins with the bucket.
    counts = EventCount.objects.filter(bucket_start__gte=end - NO_EVENTS.window, bucket_start__lt=end)
    rows = counts.values_list("environment").annotate(total=Sum("events"))
    return {name for name, total in rows if total >= NO_EVENTS.numbers["events"]}


def heard_environments(*, since: datetime) -> set[str]:
    """Those from which an event was accepted since then, whenever it happened."""
    # Index: arrival_by_key. One newest arrival a key.
    newest = Arrival.objects.filter(key=OuterRef("pk"), accepted__gt=0).order_by("-pk")
    keys = ApiKey.objects.filter(scope=Scope.INGEST)
    heard = keys.annotate(heard_at=Subquery(newest.values("received_at")[:1])).filter(heard_at__gte=since)
    return set(heard.values_list("environment", flat=True))


def silence_finding(environment: str) -> AlertFinding:
    minutes = NO_EVENTS.window / timedelta(minutes=1)
    return AlertFinding(
        threshold=NO_EVENTS,
        environment=environment,
        summary=f"No events come from {environment}",
        description=(
            f"None was accepted for {minutes:g} minutes. Yesterday at this time there were at least "
            f"{NO_EVENTS.numbers['events']:g}."
        ),
    )


def find_refused_shares(now: datetime) -> RuleResult:
    """Environments of which too many events, and too large a share of them, were rejected in an hour."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    found = {
        environment: (rejected, received)
        for environment, rejected, received in refusals([this_hour - HOUR, this_hour])
        if is_too_much(rejected, received)
    }
    return RuleResult(findings=[refusal_finding(name, *counts) for name, counts in sorted(found.items())])


def is_too_much(rejected: int, received: int) -> bool:
    numbers = QUARANTINE_GROWING.numbers
    return rejected > numbers["events"] and rejected > numbers["share"] * received


def refusals(hours: Iterable[datetime]) -> Iterable[tuple[str, int, int]]:
    """(environment, events rejected, events accepted or rejected) for each of the hours."""
    # Index: ledger_hour_unique, which begins with the key and the hour.
    keys = list(ApiKey.objects.filter(scope=Scope.INGEST).values_list("pk", flat=True))
    rows = LedgerHour.objects.filter(
        key_id__in=keys, hour__in=list(hours), outcome__in=["accepted", "rejected"]
    )
    counts: defaultdict[tuple[str, datetime], dict[str, int]] = defaultdict(dict)
    for environment, hour, outcome, total in rows.values_list("environment", "hour", "outcome").annotate(
        total=Sum("events")
    ):
        counts[environment, hour][outcome] = total
    for (environment, _), events in sorted(counts.items()):
        yield environment, events.get("rejected", 0), sum(events.values())


def refusal_finding(environment: str, rejected: int, received: int) -> AlertFinding:
    return AlertFinding(
        threshold=QUARANTINE_GROWING,
        environment=environment,
        summary=f"Many events of {environment} are rejected",
        description=f"{rejected:,} of {received:,} events that came within an hour, when this was found.",
    )
