"""What leaves the portal: spans without anything that is not on the list, and one warning when nobody takes them."""

import logging
from collections.abc import Mapping, Sequence

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status
from opentelemetry.util.types import AttributeValue

from web.tracing.recording import SCOPE

logger = logging.getLogger(__name__)

# What the instrumentations of libraries may say. Another version of them may say more.
ATTRIBUTES = frozenset(
    {
        "celery.action", "celery.retries", "celery.state", "celery.task_name",
        "messaging.destination", "messaging.message.id",
        # Of Redis: the command, with a question mark for each argument.
        "db.query.text", "db.redis.pipeline_length", "db.system.name",
        "error.type",
    }
)  # fmt: skip
EVENT_ATTRIBUTES = frozenset({"exception.type"})
# At the end of a process: what is not taken within this is lost, and the process ends in time.
LAST_MILLISECONDS = 2_000


class GuardedExporter(SpanExporter):
    """Hands spans to another exporter, cleaned, and warns once when that begins to fail."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter = exporter
        self.is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self.exporter.export([clean(span) for span in spans])
        self.note(is_failing=result is not SpanExportResult.SUCCESS)
        return result

    def note(self, *, is_failing: bool) -> None:
        if is_failing and not self.is_failing:
            logger.warning("The OTLP endpoint takes no spans. They are dropped until it does.")
        elif self.is_failing and not is_failing:
            logger.info("The OTLP endpoint takes spans again.")
        self.is_failing = is_failing

    def shutdown(self) -> None:
        self.exporter.shutdown()


class HastyProcessor(BatchSpanProcessor):
    """Ends within LAST_MILLISECONDS, also while the endpoint hangs."""

    def shutdown(self) -> None:
        self._batch_processor.shutdown(timeout_millis=LAST_MILLISECONDS)


def clean(span: ReadableSpan) -> ReadableSpan:
    """The span itself if this code made it; otherwise a copy with the listed attributes, and no texts of errors."""
    if span.instrumentation_scope is not None and span.instrumentation_scope.name == SCOPE:
        return span
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=listed(span.attributes, names=ATTRIBUTES),
        events=[
            Event(event.name, listed(event.attributes, names=EVENT_ATTRIBUTES), event.timestamp)
            for event in span.events
        ],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def listed(
    attributes: Mapping[str, AttributeValue] | None, *, names: frozenset[str]
) -> dict[str, AttributeValue]:
    return {name: value for name, value in (attributes or {}).items() if name in names}
