"""Maintenance: for as long as it is on, posts are answered 503 and nothing is stored. Everything else goes on.

It is on while a row of MaintenanceWindow says so, for every machine, or while the file `maintenance` is in DATA_DIR,
for this machine. A row ends by itself at its `ends_at`.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User
from django.db import Error as DatabaseFault
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from telemetry.models import MaintenanceWindow, MaintenanceWindowQuerySet, WindowState
from web.errors import Unavailable
from web.maintenance import has_file, is_database_gone

logger = logging.getLogger(__name__)

MESSAGE_LENGTH = 200
DEFAULT_MESSAGE = "The portal is being maintained."
# What a client is told to wait where no end is known, and at most: maintenance may end early.
RETRY_AFTER_SECONDS = 60
LONGEST_RETRY_AFTER_SECONDS = 300
# How often a process reads the windows, and how soon again after the database did not answer.
READ_SECONDS = 1.0
READ_AGAIN_SECONDS = 5.0


class BadMaintenanceWindow(ValueError):
    """A message or an end that a window can't have. The text says which."""


@dataclass(frozen=True, kw_only=True)
class MaintenanceNotice:
    """What clients and people are told. `ends_at` is None where no end is known."""

    message: str
    ends_at: datetime | None

    def retry_after_seconds(self, *, now: datetime) -> int:
        """Whole seconds until the end, from 1 to LONGEST_RETRY_AFTER_SECONDS."""
        if self.ends_at is None:
            return RETRY_AFTER_SECONDS
        seconds = math.ceil((self.ends_at - now).total_seconds())
        return min(max(seconds, 1), LONGEST_RETRY_AFTER_SECONDS)


@dataclass(slots=True)
class WindowCache:
    """The windows as this process last read them: at most once a second, so that a busy door costs no query a post.

    While the database can't be read, what was read last holds.
    """

    windows: tuple[MaintenanceWindow, ...] = ()
    next_read: float = -math.inf
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, *, now: datetime, at: float) -> tuple[MaintenanceWindow, ...]:
        """The windows that are on or planned. `at` is now too, in seconds of a monotonic clock."""
        if at >= self.next_read:
            with self.lock:
                # While one thread reads, others wait for it; they need not read again.
                if at >= self.next_read:
                    self.read(now=now, at=at)
        return self.windows

    def read(self, *, now: datetime, at: float) -> None:
        try:
            self.windows = tuple(MaintenanceWindow.objects.not_over_at(now))
            self.next_read = at + READ_SECONDS
        except DatabaseFault as fault:
            # The driver's message may quote values: only the class is logged.
            logger.warning("The maintenance windows could not be read: %s", type(fault).__name__)
            self.next_read = at + READ_AGAIN_SECONDS

    def forget(self) -> None:
        """Have the windows read anew; what is known holds until then."""
        self.next_read = -math.inf


cache = WindowCache()


def current_notice(*, now: datetime, may_read: bool = True) -> MaintenanceNotice | None:
    """What is said of the maintenance that is on at `now`; None while none is.

    A change by another process is seen a second later. The database is not asked without `may_read`, nor while there
    is the file: it may be what is maintained.
    """
    is_there = has_file()
    may_read = may_read and not is_there
    known = cache.get(now=now, at=time.monotonic()) if may_read else cache.windows
    windows = [window for window in known if window.state_at(now) is WindowState.ON]
    if not windows and not is_there:
        return None
    ends = [window.ends_at for window in windows if window.ends_at is not None]
    is_open = is_there or len(ends) < len(windows)
    newest = max(windows, key=lambda window: (window.starts_at, window.pk), default=None)
    message = newest.message if newest else ""
    return MaintenanceNotice(
        message=sentence_of(message) or DEFAULT_MESSAGE, ends_at=None if is_open else max(ends)
    )


def sentence_of(message: str) -> str:
    """The message with a full stop where it ends without one: other sentences follow it."""
    message = message.strip()
    return message if not message or message.endswith((".", "!", "?", "…")) else f"{message}."


def is_on(*, now: datetime, may_read: bool = True) -> bool:
    """Whether posts are refused at `now`."""
    return current_notice(now=now, may_read=may_read) is not None


def was_on(*, since: datetime, now: datetime) -> bool:
    """Whether posts were refused at some time from `since` to `now`. Of the file only whether it is there is known."""
    return is_on(now=now) or MaintenanceWindow.objects.on_between(since, now).exists()


def refuse_if_on(*, now: datetime) -> None:
    """Raises Unavailable (503) during maintenance, and while there is no file to store events in."""
    if is_database_gone() and not has_file():
        message = "The portal's database is gone. Send the request again later."
        raise Unavailable(code="database_unavailable", message=message, seconds=RETRY_AFTER_SECONDS)
    notice = current_notice(now=now)
    if notice is not None:
        raise Unavailable(
            code="maintenance",
            message=f"{notice.message} Send the request again later.",
            seconds=notice.retry_after_seconds(now=now),
        )


def switch_on(
    *,
    message: str,
    ends_at: datetime | None,
    by: User | None,
    now: datetime,
    starts_at: datetime | None = None,
) -> MaintenanceWindow:
    """Begin maintenance at `now`, or at a later `starts_at`; other processes refuse posts within two seconds.

    A window that begins now takes the place of the one that is on. `ends_at` None: until it is switched off.
    Every call makes another window. Raises BadMaintenanceWindow.
    """
    begins_at = max(starts_at or now, now)
    check_window(message=message, starts_at=begins_at, ends_at=ends_at)
    with transaction.atomic():
        if begins_at == now:
            MaintenanceWindow.objects.on_at(now).end(by=by, now=now)
        window = MaintenanceWindow.objects.create(
            message=message.strip(), starts_at=begins_at, ends_at=ends_at, started_by=by
        )
    cache.forget()
    return window


def check_window(*, message: str, starts_at: datetime, ends_at: datetime | None) -> None:
    """Raises BadMaintenanceWindow for a message or an end that a window can't have."""
    if len(message) > MESSAGE_LENGTH:
        raise BadMaintenanceWindow(f"The message has more than {MESSAGE_LENGTH} characters.")
    if not message.isprintable():
        raise BadMaintenanceWindow("The message must be one line of printable characters.")
    if ends_at is not None and ends_at <= starts_at:
        raise BadMaintenanceWindow("The maintenance would already be over. Choose a later end.")


def switch_off(*, by: User | None, now: datetime) -> int:
    """End the maintenance that is on, and return how many windows that were. Safe to repeat.

    A planned window stays planned. The file in DATA_DIR stays where it is.
    """
    return end_windows(MaintenanceWindow.objects.on_at(now), by=by, now=now)


def end_windows(windows: MaintenanceWindowQuerySet, *, by: User | None, now: datetime) -> int:
    """End those of the windows that are on, and call off those that are planned; returns how many. Safe to repeat."""
    with transaction.atomic():
        ended = windows.not_over_at(now).end(by=by, now=now)
    cache.forget()
    return ended


def banner(request: HttpRequest) -> dict[str, Callable[[], MaintenanceNotice | None]]:
    """A context processor: `maintenance_notice`, which a template asks for. A page without a banner reads nothing."""
    return {"maintenance_notice": lambda: current_notice(now=timezone.now())}
