"""How people follow a fold: its span, linked to those of the posts whose arrivals it takes, and its log lines."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from web.log_fields import log_scope
from web.tracing import spans
from workbench.fold.batch import PendingArrival

logger = logging.getLogger(__name__)

# Of the arrivals whose ids a log line has: a fold takes thousands.
MOST_IDS = 100


@contextmanager
def watched(*, environment: str, arrivals: Sequence[PendingArrival]) -> Iterator[None]:
    """What is done within has a span and names the arrivals in the log; so does a failure, which is raised on."""
    attributes: dict[str, str | int] = {
        "portal.environment": environment,
        "portal.arrivals": len(arrivals),
        "portal.events": sum(arrival.accepted for arrival in arrivals),
    }
    linked = spans.links_of(arrival.traceparent for arrival in arrivals)
    ids = [arrival.id for arrival in arrivals[:MOST_IDS]]
    with spans.span("fold", attributes=attributes, linked=linked), log_scope(arrival_ids=ids):
        try:
            yield
        except Exception:
            logger.exception("%d arrivals of %s could not be folded.", len(arrivals), environment)
            raise
