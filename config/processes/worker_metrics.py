"""The metrics endpoint of a Celery worker: whether this one has it, and that its forks leave it alone."""

import logging
import os

from django.conf import settings

from config.processes import memory
from metrics import worker_endpoint

logger = logging.getLogger(__name__)

servers: list[worker_endpoint.EndpointServer] = []


def begin() -> None:
    """In the first process of the worker, before it forks: listen on WORKER_METRICS_PORT, if that is set.

    Where the worker counts in a directory that it shares with others, they show what it counts: shown here as well,
    it would count twice. A port that is taken stops no worker.
    """
    port = settings.WORKER_METRICS_PORT
    if not port or not settings.METRICS_ENABLED:
        return
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR") != str(memory.scratch_dir(port=port)):
        logger.warning(
            "No metrics on WORKER_METRICS_PORT: only a worker that manage.py worker started has them."
        )
        return
    try:
        servers.append(worker_endpoint.serve_in_background(host=settings.HOST, port=port))
    except OSError as error:
        logger.error("No metrics on WORKER_METRICS_PORT: %s.", error.strerror)


def leave() -> None:
    """In a process that the worker forked: close its copy of the socket, so that the port ends with the worker."""
    while servers:
        servers.pop().socket.close()
