"""Sends what was not told yet: all of it in one message for each channel. What fails is tried again later."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from telemetry.models import Notice, NoticeChannel
from telemetry.notices.channels import NotSent, post_to_chat, send_mail
from telemetry.notices.routes import NoticeRoutes, Way

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 200
# What a process that was killed while it sent has claimed is free again after this.
CLAIM = timedelta(minutes=10)
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
# An older notice is given up: it would be no news.
LIFE = timedelta(days=3)


class Channel(NamedTuple):
    name: NoticeChannel
    is_configured: bool
    # The column of Notice that says when it was sent.
    sent_at: str
    send: Callable[[Sequence[Notice]], None]


def channels() -> list[Channel]:
    """The channels that the settings name."""
    known = (
        Channel(NoticeChannel.MAIL, bool(settings.NOTICE_EMAILS), "mailed_at", send_mail),
        Channel(NoticeChannel.CHAT, bool(settings.SLACK_WEBHOOK_URL), "posted_at", post_to_chat),
    )
    return [channel for channel in known if channel.is_configured]


def send_due(*, now: datetime) -> int:
    """Send the notices that are due; returns how many are done with. Safe to repeat, and to run twice at once.

    A notice is claimed before it is sent, and what a channel took is written at once: a notice goes out once a channel.
    Only a process that is killed between a server's answer and that write leaves a notice that goes out again. A
    channel that fails is tried again after a minute, then two, up to an hour, for three days. One that keeps quiet is
    asked again every minute.
    """
    claimed = claim(now=now)
    if not claimed:
        return 0
    outbox = Outbox(claimed, NoticeRoutes.load(now=now), overtaken(claimed))
    faults = [fault for channel in channels() if (fault := send_by(channel, outbox.of(channel), now=now))]
    return sum(settle(notice, outbox=outbox, faults=faults, now=now) for notice in claimed)


class Outbox(NamedTuple):
    """Claimed notices, and what decides which channel takes which of them."""

    notices: Sequence[Notice]
    routes: NoticeRoutes
    # Beginnings whose incident is over.
    overtaken: frozenset[int]

    def of(self, channel: Channel) -> list[Notice]:
        """The notices that the channel is to send now."""
        return [notice for notice in self.notices if self.way_of(notice, channel=channel) is Way.SEND]

    def ways_left(self, notice: Notice) -> set[Way]:
        """What the channels are still to do with the notice."""
        return {self.way_of(notice, channel=channel) for channel in channels()} - {Way.NEVER}

    def way_of(self, notice: Notice, *, channel: Channel) -> Way:
        """A beginning that is over is no news, and nobody is told the end of what they were not told."""
        if getattr(notice, channel.sent_at) is not None or notice.pk in self.overtaken:
            return Way.NEVER
        beginning = notice.ends
        if beginning is not None and getattr(beginning, channel.sent_at) is None:
            return Way.NEVER if beginning.done_at else Way.WAIT
        return self.routes.way_of(notice, channel=channel.name)


def overtaken(notices: Sequence[Notice]) -> frozenset[int]:
    """Those of the notices to which another one says the end."""
    ends = Notice.objects.filter(ends__in=[notice.pk for notice in notices])
    return frozenset(ends.values_list("ends_id", flat=True))


def claim(*, now: datetime) -> list[Notice]:
    """The due notices that no other process has, the oldest first."""
    due = Notice.objects.filter(done_at=None, next_attempt_at__lte=now).select_related("ends").order_by("pk")
    claimed = []
    for notice in due[:MOST_AT_ONCE]:
        unchanged = Notice.objects.filter(pk=notice.pk, done_at=None, next_attempt_at=notice.next_attempt_at)
        if unchanged.update(next_attempt_at=now + CLAIM, attempts=notice.attempts + 1):
            notice.attempts += 1
            claimed.append(notice)
    return claimed


def send_by(channel: Channel, unsent: Sequence[Notice], *, now: datetime) -> str:
    """Send the notices by the channel; returns the fault, or an empty text."""
    if not unsent:
        return ""
    try:
        channel.send(unsent)
    except NotSent as error:
        logger.warning("Notices were not sent: %s", error)
        return str(error)
    Notice.objects.filter(pk__in=[notice.pk for notice in unsent]).update(**{channel.sent_at: now})
    for notice in unsent:
        setattr(notice, channel.sent_at, now)
    return ""


def settle(notice: Notice, *, outbox: Outbox, faults: Sequence[str], now: datetime) -> bool:
    """Write that the notice is done with, or when it is tried again; returns whether it is done."""
    left = outbox.ways_left(notice)
    has_failed, is_told = Way.SEND in left, not left
    is_over = is_told or now - notice.opened_at >= LIFE
    # To wait is no attempt.
    attempts = notice.attempts if has_failed or is_told else notice.attempts - 1
    Notice.objects.filter(pk=notice.pk).update(
        done_at=now if is_over else None,
        attempts=attempts,
        next_attempt_at=now + wait_after(max(attempts, 1)),
        fault="; ".join(faults)[:200] if has_failed else "",
    )
    return is_over


def wait_after(attempts: int) -> timedelta:
    """A minute after the first attempt, twice as long after each further one, an hour at most."""
    doubled: timedelta = FIRST_WAIT * 2 ** min(attempts - 1, 10)
    return min(doubled, LONGEST_WAIT)
