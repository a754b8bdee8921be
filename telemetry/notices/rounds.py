"""A round: look for incidents, then send what is due. A task makes one every minute."""

import logging
from collections.abc import Callable
from datetime import datetime

from telemetry.counters.rejections import forget_old_hours
from telemetry.notices.expiry import find_expiring_keys
from telemetry.notices.rejections import find_large_shares, find_new_kinds
from telemetry.notices.sending import send_due

logger = logging.getLogger(__name__)


def make_round(*, now: datetime) -> None:
    """Find incidents and send what is due. A search that fails stops neither the others nor the sending.

    Raises an ExceptionGroup of what failed, afterwards. Safe to repeat, and to run twice at once.
    """
    faults: list[Exception] = []
    steps: list[Callable[[], object]] = [
        lambda: find_new_kinds(now=now),
        lambda: find_large_shares(now=now),
        lambda: find_expiring_keys(now=now),
        lambda: send_due(now=now),
        lambda: forget_old_hours(now=now),
    ]
    for step in steps:
        try:
            step()
        except Exception as error:
            # Whatever it is, the other steps have their turn first; it is raised at the end.
            faults.append(error)
    if faults:
        raise ExceptionGroup("notices were not looked for or sent", faults)
