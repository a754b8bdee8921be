"""How spans are made. This module imports OpenTelemetry: only a process that traces imports it.

Spans follow the semantic conventions. A span never has a payload, a key, an id of a person, a value of a statement,
a query string or an exception's text: whatever a caller passes as an attribute is a constant, a count, or a name
that the portal chose.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode, TraceFlags, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

# The scope of the spans that this code makes: their attributes are known to be clean.
SCOPE = "portal"
# Of a statement's text. It has placeholders in place of values, thousands of them where rows are inserted.
MOST_CHARACTERS = 1_000

propagator = TraceContextTextMapPropagator()


class Recorder:
    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer

    @contextmanager
    def span(
        self, name: str, *, attributes: Mapping[str, AttributeValue], linked: Iterable[str]
    ) -> Iterator[None]:
        """A span below the current one, which is the current one within; `linked` are traceparents."""
        links = [Link(context) for context in map(span_context, linked) if context.is_valid]
        span = self.tracer.start_span(name, attributes=attributes, links=links)
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield
            except BaseException as error:
                mark_failed(span, error)
                raise

    def statement(
        self, sql: str, *, system: str, rows: int, covers_others: bool
    ) -> AbstractContextManager[None]:
        """A span of a statement of the database, where a span is recorded now (see web.tracing.spans)."""
        if not trace.get_current_span().is_recording():
            return nullcontext()
        # A driver takes an empty text too, and tracing changes nothing.
        operation = "".join(sql.split(None, 1)[:1]).upper() or system
        attributes: dict[str, AttributeValue] = {
            "db.system.name": system,
            "db.operation.name": operation,
            "db.query.text": sql.strip()[:MOST_CHARACTERS],
        }
        if rows > 1:
            attributes["db.operation.batch.size"] = rows
        span = self.tracer.start_span(operation, kind=SpanKind.CLIENT, attributes=attributes)
        return covering(span) if covers_others else ended(span)

    def set_attribute(self, name: str, value: AttributeValue) -> None:
        trace.get_current_span().set_attribute(name, value)

    def traceparent(self) -> str | None:
        """The current span as a traceparent; None where there is none, or where it is not sampled."""
        context = trace.get_current_span().get_span_context()
        if not context.is_valid or not context.trace_flags.sampled:
            return None
        trace_id, span_id = trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)
        return f"00-{trace_id}-{span_id}-{TraceFlags.SAMPLED:02x}"

    def ids(self) -> dict[str, str]:
        """{"trace_id", "span_id"} of the current span as hex digits; {} where there is none."""
        context = trace.get_current_span().get_span_context()
        if not context.is_valid:
            return {}
        return {
            "trace_id": trace.format_trace_id(context.trace_id),
            "span_id": trace.format_span_id(context.span_id),
        }


def span_context(traceparent: str) -> SpanContext:
    """What the header names (W3C Trace Context); an invalid context for one that can't be read."""
    return trace.get_current_span(
        propagator.extract({"traceparent": traceparent}, Context())
    ).get_span_context()


@contextmanager
def ended(span: Span) -> Iterator[None]:
    """It has no children, so it need not be the current span."""
    try:
        yield
    except BaseException as error:
        mark_failed(span, error)
        raise
    finally:
        span.end()


@contextmanager
def covering(span: Span) -> Iterator[None]:
    """Within, the current span is one that is not recorded, so that it gets no children."""
    with ended(span), trace.use_span(trace.NonRecordingSpan(span.get_span_context())):
        yield


def mark_failed(span: Span, error: BaseException) -> None:
    """Note the error's type. Its text may quote a row."""
    if span.is_recording():
        span.set_attribute("error.type", type(error).__qualname__)
        span.set_status(StatusCode.ERROR)
