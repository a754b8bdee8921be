"""Tells a worker that a request was committed. Without it the task finds the request within two seconds."""

import logging
from concurrent.futures import Executor, ThreadPoolExecutor

from celery import current_app
from django.conf import settings

logger = logging.getLogger(__name__)

TASK = "workbench.send_retries"
EXPIRES_SECONDS = 60
# Whoever asked does not wait for the broker, which may be frozen.
POOL: Executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="retry bell")


def ring() -> None:
    """Have the task look for work now. Where there is no broker, the scheduler looks by itself."""
    if settings.REDIS_URL:
        POOL.submit(publish)


def publish() -> None:
    try:
        current_app.send_task(TASK, expires=EXPIRES_SECONDS, retry=False)
    except Exception as error:
        # Whatever the broker's client raises: the schedule rings too.
        logger.warning("The bell for retries was not rung: %s", type(error).__name__)
