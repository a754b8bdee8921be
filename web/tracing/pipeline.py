"""Puts OpenTelemetry's SDK together: which spans there are, and where they go.

The SDK reads its standard variables itself: sampler, limits, batches, headers, time limits, resource.
"""

import os
from collections.abc import Sequence

from django.conf import settings
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.re import parse_env_headers
from opentelemetry.util.types import Attributes

from web.tracing import statements
from web.tracing.exporting import GuardedExporter, HastyProcessor
from web.tracing.recording import SCOPE, Recorder

SERVICE = "workbench-analytics"


class NoLoneCalls(Sampler):
    """A call of Redis outside of a request and a task begins no trace: a heartbeat every second says nothing."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        parent = trace.get_current_span(parent_context).get_span_context()
        if kind is SpanKind.CLIENT and not parent.is_valid:
            return SamplingResult(Decision.DROP)
        return self.sampler.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        return f"NoLoneCalls{{{self.sampler.get_description()}}}"


def make_provider(exporter: SpanExporter, *, process: str) -> TracerProvider:
    """A provider whose spans go to the exporter, a batch at a time, from a thread of its own."""
    own = Resource({"service.name": SERVICE, "portal.process": process})
    # The standard variables come last, so they win. The SDK's own hook at exit may wait for half a minute.
    provider = TracerProvider(
        resource=Resource.create().merge(own).merge(OTELResourceDetector().detect()), shutdown_on_exit=False
    )
    provider.sampler = NoLoneCalls(provider.sampler)
    provider.add_span_processor(HastyProcessor(GuardedExporter(exporter)))
    return provider


def begin(*, process: str) -> tuple[Recorder, TracerProvider]:
    """Make the provider that exports by OTLP, and instrument this process with it."""
    # The names of the stable conventions, in place of older ones.
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "database,http")
    exporter = OTLPSpanExporter(
        endpoint=f"{settings.OTLP_ENDPOINT.rstrip('/')}/v1/traces",
        headers=parse_env_headers(settings.OTLP_HEADERS, liberal=True),
    )
    provider = make_provider(exporter, process=process)
    instrument(provider)
    return Recorder(provider.get_tracer(SCOPE)), provider


def instrument(provider: TracerProvider) -> None:
    statements.watch()
    CeleryInstrumentor().instrument(tracer_provider=provider)  # type: ignore[no-untyped-call]  # It has no types.
    RedisInstrumentor().instrument(tracer_provider=provider)
