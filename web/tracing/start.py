"""Starts and stops tracing in a process. Call it where the process is what it will be, not before a fork."""

import atexit
from collections.abc import Callable

from django.conf import settings

from web.tracing import spans

enders: list[Callable[[], None]] = []


def start(*, process: str) -> None:
    """Trace this process from now on, if an OTLP endpoint is configured. Safe to repeat.

    `process` is its part: web, worker or scheduler. What was recorded is sent when it ends, for at most two seconds.
    """
    if not settings.TRACING_ENABLED or spans.recorder is not None:
        return
    # Here, so that OpenTelemetry is imported only where it is used.
    from web.tracing import pipeline

    spans.recorder, provider = pipeline.begin(process=process)
    enders.append(provider.shutdown)
    atexit.register(stop)


def stop() -> None:
    """Send what was recorded; after two seconds the rest is lost. Some processes end without asking atexit."""
    while enders:
        enders.pop()()
