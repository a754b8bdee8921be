"""The rows that wait to be sent: entered when a digest is due, claimed by one process, settled, and forgotten."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from digests.models import DigestChannel, DigestSending, DigestState, DigestSubscription
from digests.schedule import DigestClock, DigestSlot, latest_slot, next_due_at
from telemetry.notices.sending import wait_after

# After this an attempt is over, whatever became of its process. Each step of a mail server may take 10 s.
CLAIM = timedelta(minutes=5)
# An older digest is given up: the next one is due.
LIFE = timedelta(days=1)
KEPT = timedelta(days=90)
# Rows that other processes may claim at the same moment.
MOST_ASKED = 10
MOST_FORGOTTEN = 500
CUT_SHORT = (
    "The process ended while the digest was handed over. It may have arrived, so it is not sent again."
)


class Overtaken(Exception):
    """Another process has the sending by now."""


@dataclass(frozen=True, kw_only=True)
class DigestOutcome:
    """What an attempt came to. PENDING: it is tried again, after `wait` or what is usual."""

    state: DigestState
    fault: str = ""
    wait: timedelta | None = None


def open_due(*, now: datetime) -> int:
    """Enter a sending by each channel for every subscription whose moment has come; returns for how many.

    Of several moments that were missed the last one counts. Safe to repeat, and to run twice at once.
    """
    # Index: digest_subscription_next (next_due_at).
    due = DigestSubscription.objects.filter(next_due_at__lte=now).order_by("pk")
    return sum(enter_due(subscription, now=now) for subscription in due)


def enter_due(subscription: DigestSubscription, *, now: datetime) -> bool:
    """Whether it was not entered yet. The sendings and the next moment are stored together."""
    clock = DigestClock.of(subscription)
    with transaction.atomic():
        unchanged = DigestSubscription.objects.filter(
            pk=subscription.pk, next_due_at=subscription.next_due_at
        )
        if not unchanged.update(next_due_at=next_due_at(clock, now=now)):
            return False
        slot = latest_slot(clock, now=now)
        enter(subscription, slot=slot, occasion=slot.occasion, now=now)
    return True


def enter_asked(subscription: DigestSubscription, *, now: datetime) -> bool:
    """Enter a sending of the last days that were due: the person asked for one now. In a minute there is one.

    Returns whether there is any way to send it.
    """
    slot = latest_slot(DigestClock.of(subscription), now=now)
    enter(subscription, slot=slot, occasion=f"asked {now:%Y-%m-%dT%H:%M}", now=now)
    return bool(channels_of(subscription))


def enter(subscription: DigestSubscription, *, slot: DigestSlot, occasion: str, now: datetime) -> None:
    DigestSending.objects.bulk_create(
        [
            DigestSending(
                subscription=subscription,
                channel=channel,
                occasion=occasion,
                frequency=slot.clock.frequency,
                period_start=slot.start,
                period_end=slot.end,
                time_zone=slot.clock.zone.key,
                created_at=now,
                next_attempt_at=now,
            )
            for channel in channels_of(subscription)
        ],
        # Settings that changed meanwhile may lead to the same days again.
        ignore_conflicts=True,
    )


def channels_of(subscription: DigestSubscription) -> list[DigestChannel]:
    chosen = {DigestChannel.MAIL: subscription.by_mail, DigestChannel.CHAT: bool(subscription.webhook)}
    return [channel for channel, is_chosen in chosen.items() if is_chosen]


def claim(*, now: datetime) -> DigestSending | None:
    """The sending that is due for longest and that no other process has; its attempt is counted."""
    # Index: digest_sending_due (next_attempt_at).
    due = DigestSending.objects.filter(
        state=DigestState.PENDING, ended_at=None, next_attempt_at__lte=now
    ).select_related("subscription__user")
    for sending in due.order_by("next_attempt_at")[:MOST_ASKED]:
        unchanged = DigestSending.objects.filter(
            pk=sending.pk, state=DigestState.PENDING, next_attempt_at=sending.next_attempt_at
        )
        if unchanged.update(next_attempt_at=now + CLAIM, attempts=sending.attempts + 1):
            sending.attempts += 1
            return sending
    return None


def begin_handing_over(sending: DigestSending) -> None:
    """Commit that the message may leave from here on. Raises Overtaken.

    From now on a killed process leaves a digest that is never sent again.
    """
    ours = DigestSending.objects.filter(pk=sending.pk, state=DigestState.PENDING, attempts=sending.attempts)
    if not ours.update(state=DigestState.HANDING_OVER):
        raise Overtaken


def settle(sending: DigestSending, outcome: DigestOutcome, *, now: datetime) -> None:
    """Write what came of the attempt that ended at `now`. Safe to repeat."""
    is_over = outcome.state is not DigestState.PENDING
    # Another process may have made the next attempt meanwhile: what it finds counts.
    ours = DigestSending.objects.filter(pk=sending.pk, attempts=sending.attempts)
    ours.exclude(state=DigestState.SENT).update(
        state=outcome.state,
        fault=outcome.fault[:200],
        ended_at=now if is_over else None,
        next_attempt_at=None if is_over else now + (outcome.wait or wait_after(sending.attempts)),
    )


def end_cut_short(*, now: datetime) -> int:
    """Write that nobody knows what became of sendings whose process ended within them. Safe to repeat."""
    # Index: digest_sending_due (next_attempt_at).
    left = DigestSending.objects.filter(
        state=DigestState.HANDING_OVER, ended_at=None, next_attempt_at__lte=now
    )
    return left.update(state=DigestState.UNSURE, ended_at=now, fault=CUT_SHORT)


def forget_old(*, now: datetime) -> int:
    """Delete sendings that were entered more than 90 days ago, some at a time. Safe to repeat."""
    # Index: digest_sending_created (created_at).
    old = DigestSending.objects.filter(created_at__lt=now - KEPT).order_by("created_at")
    keys = list(old.values_list("pk", flat=True)[:MOST_FORGOTTEN])
    return DigestSending.objects.filter(pk__in=keys).delete()[0] if keys else 0
