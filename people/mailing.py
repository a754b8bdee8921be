"""Mail leaves after the answer: a page takes as long for an address that has an account as for one that has none."""

import logging
from concurrent.futures import Executor, ThreadPoolExecutor
from smtplib import SMTPException
from threading import BoundedSemaphore

from django.conf import settings
from django.core.mail import EmailMessage

logger = logging.getLogger(__name__)

# In each process. A mail that finds no room is dropped; whoever waits for it asks again.
MOST_WAITING = 50
ROOM = BoundedSemaphore(MOST_WAITING)
POOL: Executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")


def is_configured() -> bool:
    """Whether EMAIL_URL names a server."""
    return bool(settings.EMAIL_URL)


def send(message: EmailMessage) -> None:
    """Hand the mail over soon. Drops it, with a line in the log, where none can be sent or too many wait."""
    if not is_configured():
        return
    if not ROOM.acquire(blocking=False):
        logger.error("A mail was dropped: %d wait already", MOST_WAITING)
        return
    POOL.submit(deliver, message).add_done_callback(lambda _: ROOM.release())


def deliver(message: EmailMessage) -> None:
    # The server's answer may quote the address: only the class is logged.
    try:
        message.send()
    except (OSError, SMTPException) as error:
        logger.error("A mail was not delivered: %s", type(error).__name__)
