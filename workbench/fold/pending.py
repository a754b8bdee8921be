"""The fold: takes arrivals off the queue and merges their events into the things that they are about.

One transaction an environment and batch: things, event counts, ledger, bridge counters, touched buckets, and
the arrivals marked taken. A crash anywhere leaves the arrivals on the queue and nothing else behind.
"""

import itertools
from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Max

from telemetry import key_use
from telemetry.counters import bridge, ledger, rejections, sent
from telemetry.counters.bridge import Increment
from telemetry.models import Arrival, Environment, SpanLink
from workbench.buckets import mark_touched
from workbench.fold import bridging, inserts, merges
from workbench.fold.batch import Batch, PendingArrival, empty_batch, stage
from workbench.fold.call_owners import own_calls, own_calls_of
from workbench.fold.changes import read_changes
from workbench.fold.erased import remove_erased
from workbench.fold.funnel import follow_steps
from workbench.fold.pairs.approvals import pair_approvals
from workbench.fold.pairs.drafts import pair_drafts
from workbench.fold.sent import count_sent
from workbench.fold.tally import add_to_counts, count_events, tally_events
from workbench.fold.watching import watched
from workbench.isolation import Isolated
from workbench.models import ChangeCause
from workbench.streams import forget_streams

# They bound a batch's memory and the length of its transaction. Larger batches were measured: they are not faster.
EVENTS_PER_BATCH = 30_000
ARRIVALS_PER_BATCH = 4_000
LINKS_PER_BATCH = 10_000
# Of a fold that takes no arrival: no completion and no duration is new to it.
NO_FOLD = -1


def fold_pending(*, now: datetime, wait: bool = False) -> int:
    """Takes the arrivals that are pending when it starts, and links of spans; returns how many arrivals it took.

    An environment that another process folds is left to it, unless `wait` is set. Arrivals that come in meanwhile
    wait for the next call, so that this one ends. An environment that cannot be folded does not stop the others;
    afterwards an ExceptionGroup says what went wrong. Safe to repeat, and to run twice at once.
    """
    pending, links = Arrival.objects.pending(), SpanLink.objects.waiting()
    newest = pending.aggregate(newest=Max("id"))["newest"] or 0
    newest_link = links.aggregate(newest=Max("id"))["newest"] or 0
    waiting = {
        name for queue in (pending, links) for name in queue.values_list("environment", flat=True).distinct()
    }
    folded = 0
    with Isolated("not every environment could be folded") as isolated:
        for environment in sorted(waiting):
            with isolated.step():
                while arrivals := fold_batch(environment=environment, now=now, newest=newest, wait=wait):
                    folded += arrivals
                while fold_links(environment=environment, now=now, newest=newest_link, wait=wait):
                    pass
    return folded


def fold_environment(*, environment: str, now: datetime) -> None:
    """Takes the environment's arrivals that are pending when it starts, after whoever folds it now."""
    newest = Arrival.objects.pending().filter(environment=environment).aggregate(newest=Max("id"))["newest"]
    while newest and fold_batch(environment=environment, now=now, newest=newest, wait=True):
        pass


def fold_batch(*, environment: str, now: datetime, newest: int, wait: bool = False) -> int:
    """Takes one batch of the environment's arrivals, up to the id `newest`, in one transaction.

    Returns how many it took: 0 when none are left, or when another process folds the environment and `wait` is not
    set.

    The environment's row is the lock. Pairing reads rows of several sessions, and locks on single rows could not
    cover those. Two workers share the environments between them.
    """
    with transaction.atomic():
        if not lock(environment, wait=wait):
            return 0
        arrivals = read_arrivals(environment=environment, newest=newest)
        if not arrivals:
            return 0
        with watched(environment=environment, arrivals=arrivals):
            take(environment=environment, arrivals=arrivals, now=now)
    return len(arrivals)


def lock(environment: str, *, wait: bool) -> bool:
    """Whether this transaction is now the only one that folds the environment."""
    # With no_key, a key of the environment can be made meanwhile.
    environments = Environment.objects.select_for_update(skip_locked=not wait, no_key=True)
    return bool(environments.filter(name=environment))


def fold_links(*, environment: str, now: datetime, newest: int, wait: bool = False) -> int:
    """Takes some of the links of spans that came, up to the id `newest`: the calls of their traces may find agents.

    Links may come with a post that has no event, and long after the events of their trace. Returns how many it took.
    """
    with transaction.atomic():
        if not lock(environment, wait=wait):
            return 0
        # Index: span_link_waiting (id), of the links that wait.
        waiting = SpanLink.objects.waiting().filter(environment=environment, id__lte=newest).order_by("id")
        links = dict(waiting.values_list("id", "trace_id")[:LINKS_PER_BATCH])
        if not links:
            return 0
        with connection.cursor() as cursor:
            batch = empty_batch(cursor, environment=environment, number=NO_FOLD)
            calls = own_calls_of(batch, trace_ids=set(links.values()), now=now)
            changes = read_changes(batch, calls=calls)
            costs = bridging.count_costs(batch, changes, calls=calls)
        mark_touched(environment=environment, buckets=changes.touched)
        bridge.increase(list(bridging.count_things(changes, environment=environment, costs=costs)))
        SpanLink.objects.filter(id__in=list(links)).update(is_waiting=False)
    return len(links)


def take(*, environment: str, arrivals: Sequence[PendingArrival], now: datetime) -> None:
    """Merges the arrivals' events, counts them, and marks the arrivals taken; in the caller's transaction."""
    remove_erased(environment=environment, arrivals=arrivals, now=now)
    increments = bridging.count_received(environment=environment, arrivals=arrivals)
    if any(arrival.accepted for arrival in arrivals):
        with connection.cursor() as cursor:
            increments += _fold_events(cursor, environment=environment, arrivals=arrivals, now=now)
        forget_streams(environment, now=now)
    bridge.increase(increments)
    ledger.record(environment=environment, arrivals=arrivals)
    rejections.record(environment=environment, arrivals=arrivals)
    sent.count_rejected(environment=environment, arrivals=arrivals)
    key_use.store_posts((arrival.key_id, arrival.received_at) for arrival in arrivals)
    Arrival.objects.filter(id__in=[arrival.id for arrival in arrivals]).update(taken_at=now)


def read_arrivals(*, environment: str, newest: int) -> list[PendingArrival]:
    """The oldest pending arrivals of the environment, up to a batch's limits; at least one, if there are any.

    A batch has replays or none, so that each touched bucket has one cause.
    """
    # Index: arrival_pending (id), of the arrivals that are not taken yet.
    pending = Arrival.objects.pending().filter(environment=environment, id__lte=newest)
    rows = pending.order_by("id").values_list(*PendingArrival.__dataclass_fields__)[:ARRIVALS_PER_BATCH]
    arrivals: list[PendingArrival] = []
    events = 0
    for arrival in itertools.starmap(PendingArrival, rows):
        events += arrival.accepted
        if arrivals and (events > EVENTS_PER_BATCH or arrival.is_replay is not arrivals[0].is_replay):
            break
        arrivals.append(arrival)
    return arrivals


def _fold_events(
    cursor: CursorWrapper, *, environment: str, arrivals: Sequence[PendingArrival], now: datetime
) -> list[Increment]:
    """Merges the arrivals' events into the things; returns what they add to the bridge's counters."""
    batch = stage(cursor, environment=environment, arrivals=arrivals)
    tallies = tally_events(batch)
    add_to_counts(tallies, environment=environment)
    count_sent(batch, arrivals)
    _merge_things(batch)
    sessions = follow_steps(batch)
    calls = own_calls(batch, now=now)
    changes = read_changes(batch, calls=calls)
    drafts = pair_drafts(batch, drafts=changes.drafts)
    decisions = pair_approvals(batch)
    mark_touched(
        environment=environment,
        buckets=changes.touched
        | sessions
        | drafts.buckets
        | decisions.buckets
        | {tally.bucket for tally in tallies},
        cause=ChangeCause.REPLAY if arrivals[0].is_replay else ChangeCause.LATE_EVENTS,
    )
    return [
        *count_events(batch, tallies),
        *bridging.count_things(
            changes,
            environment=environment,
            paired_durations=drafts.durations,
            costs=bridging.count_costs(batch, changes, calls=calls),
        ),
        *bridging.count_decisions(batch, decisions.event_keys),
    ]


def _merge_things(batch: Batch) -> None:
    for statement in merges.merge_statements(batch.dialect):
        batch.cursor.execute(statement, {"fold": batch.number})
    for statement in (
        *inserts.insert_statements(batch.dialect),
        merges.merge_app_server_states(batch.dialect),
        merges.merge_app_server_streams(batch.dialect),
    ):
        batch.cursor.execute(statement)
