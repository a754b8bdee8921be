import logging
import threading
from collections.abc import Sequence

import pytest
from celery import shared_task
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode

from tests.recording import recording
from web.tracing import exporting
from web.tracing.exporting import GuardedExporter
from web.tracing.pipeline import make_provider


class Moody(SpanExporter):
    """Takes spans, or does not."""

    def __init__(self, *moods: bool) -> None:
        self.moods = list(moods)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS if self.moods.pop(0) else SpanExportResult.FAILURE


def test_an_endpoint_that_is_gone_is_told_once_and_so_is_its_return(caplog: pytest.LogCaptureFixture) -> None:
    exporter = GuardedExporter(Moody(True, False, False, False, True, True, False))

    with caplog.at_level(logging.INFO, logger="web.tracing.exporting"):
        for _ in range(7):
            exporter.export([])

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]


def test_what_an_instrumentation_says_beside_the_list_is_left_out() -> None:
    with recording() as recorded:
        foreign = recorded.provider.get_tracer("opentelemetry.instrumentation.redis")
        with foreign.start_as_current_span(
            "SET",
            attributes={"db.query.text": "SET ? ?", "db.statement": "SET marker", "server.address": "marker"},
        ) as span:
            span.record_exception(ValueError("marker"))
            span.set_status(StatusCode.ERROR, "marker")

        (exported,) = recorded.spans()

    assert dict(exported.attributes or {}) == {"db.query.text": "SET ? ?"}
    assert [(event.name, dict(event.attributes or {})) for event in exported.events] == [
        ("exception", {"exception.type": "ValueError"})
    ]
    assert exported.status.status_code is StatusCode.ERROR
    assert "marker" not in exported.to_json()


@shared_task(name="tests.fail_with_a_row")
def fail_with_a_row() -> None:
    raise ValueError("Key (name)=(marker) already exists.")


def test_a_task_that_fails_does_not_say_with_what() -> None:
    with recording() as recorded:
        instrumentor = CeleryInstrumentor()
        instrumentor.instrument(tracer_provider=recorded.provider)
        try:
            fail_with_a_row.apply()
        finally:
            instrumentor.uninstrument()
        (task,) = recorded.spans()

    assert (task.name, task.kind) == ("run/tests.fail_with_a_row", SpanKind.CONSUMER)
    assert task.status.status_code is StatusCode.ERROR
    assert "marker" not in task.to_json()


def test_a_call_outside_of_a_request_and_a_task_begins_no_trace() -> None:
    with recording() as recorded:
        tracer = recorded.provider.get_tracer("x")
        tracer.start_span("SET", kind=SpanKind.CLIENT).end()
        with tracer.start_as_current_span("task"):
            tracer.start_span("GET", kind=SpanKind.CLIENT).end()

        assert [span.name for span in recorded.spans()] == ["GET", "task"]


class Hanging(SpanExporter):
    """Takes no answer for one until it is let go."""

    def __init__(self) -> None:
        self.is_free = threading.Event()
        self.batches: list[int] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.batches.append(len(spans))
        self.is_free.wait()
        return SpanExportResult.FAILURE


def test_an_endpoint_that_hangs_holds_up_neither_spans_nor_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "LAST_MILLISECONDS", 1)
    exporter = Hanging()
    provider = make_provider(exporter, process="test")
    tracer = provider.get_tracer("x")

    # The queue is full many times over.
    for _ in range(6_000):
        tracer.start_span("work").end()
    provider.shutdown()

    # It returned although the first export did not.
    assert len(exporter.batches) == 1
    exporter.is_free.set()
