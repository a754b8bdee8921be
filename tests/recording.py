"""Tracing within a test: the spans that would be exported."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.db.backends.signals import connection_created

# The settings keep them out of processes that do not trace.
for name in ("opentelemetry.metrics", "opentelemetry.sdk.metrics"):
    if sys.modules.get(name, sys) is None:
        del sys.modules[name]

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

from web.tracing import spans, statements  # noqa: E402
from web.tracing.pipeline import make_provider  # noqa: E402
from web.tracing.recording import SCOPE, Recorder  # noqa: E402


class Recording:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider: TracerProvider = make_provider(self.exporter, process="test")

    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, the first to end first."""
        self.provider.force_flush()
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans() if span.name == name]


@contextmanager
def recording() -> Iterator[Recording]:
    """All that this process traces within."""
    made = Recording()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "recorder", Recorder(made.provider.get_tracer(SCOPE)))
        statements.watch()
        try:
            yield made
        finally:
            connection_created.disconnect(dispatch_uid="web.tracing.statements")
            if statements.trace_statement in connection.execute_wrappers:
                connection.execute_wrappers.remove(statements.trace_statement)
            made.provider.shutdown()
