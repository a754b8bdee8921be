"""What the apps ask of tracing. While it is off, nothing of OpenTelemetry is imported and a call does nothing."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

    from web.tracing.recording import Recorder

# Where a server leaves, in the WSGI environment, the moment at which the request's head was there (nanoseconds since
# 1970). No header of a client can have this name.
RECEIVED_AT = "portal.received_at_ns"
# OpenTelemetry's own default limit.
MOST_LINKS = 128

# None: tracing is off, or this process does not trace. web.tracing.start sets it.
recorder: "Recorder | None" = None


def span(
    name: str, *, attributes: Mapping[str, "AttributeValue"], linked: Iterable[str] = ()
) -> AbstractContextManager[None]:
    """A span of what is done within. `linked` are traceparents of other traces (see `links_of`)."""
    if recorder is None:
        return nullcontext()
    return recorder.span(name, attributes=attributes, linked=linked)


def statement(
    sql: str, *, system: str, rows: int = 0, covers_others: bool = False
) -> AbstractContextManager[None]:
    """A span of a statement of the database, where one is recorded now.

    `system` is the vendor's name; `rows` says how many sets of parameters it runs with, where there are several.
    With `covers_others` the statements within have no spans of their own.
    """
    if recorder is None:
        return nullcontext()
    return recorder.statement(sql, system=system, rows=rows, covers_others=covers_others)


def set_attribute(name: str, value: "AttributeValue") -> None:
    """Add an attribute to the current span. It must not hold anything that a client sent."""
    if recorder is not None:
        recorder.set_attribute(name, value)


def current_traceparent() -> str | None:
    """The current span as a W3C traceparent (55 characters); None where there is none, or where it is not sampled."""
    return None if recorder is None else recorder.traceparent()


def current_ids() -> Mapping[str, str]:
    """{"trace_id", "span_id"} of the current span as hex digits; {} where there is none."""
    return {} if recorder is None else recorder.ids()


def links_of(traceparents: Iterable[str | None]) -> Sequence[str]:
    """The first traceparent of each trace, of at most MOST_LINKS traces."""
    first: dict[str, str] = {}
    for traceparent in filter(None, traceparents):
        if len(first) == MOST_LINKS:
            break
        _, trace_id, *_ = traceparent.split("-")
        first.setdefault(trace_id, traceparent)
    return list(first.values())
