"""The span of a request: from its head at the server to the answer, below the client's span if it names one."""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue

from web.tracing import spans
from web.tracing.recording import Recorder, propagator

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
OTHER_METHOD = "_OTHER"
# They are asked every few seconds, and their spans would say nothing.
UNTRACED = frozenset({"/healthz", "/readyz"})


class TracingMiddleware:
    """Stands above all others. Path, query, address and client are left out: they may hold keys and people's ids."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        recorder = spans.recorder
        if recorder is None or request.path in UNTRACED:
            return self.get_response(request)
        span = begin(recorder, request.META)
        if not span.is_recording():
            return self.get_response(request)
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            response = self.get_response(request)
            describe(span, request, status=response.status_code)
            return response


def begin(recorder: Recorder, values: Mapping[str, Any]) -> Span:
    return recorder.tracer.start_span(
        name_of(values),
        context=client_context(values),
        kind=SpanKind.SERVER,
        attributes={"http.request.method": method_of(values)},
        start_time=values.get(spans.RECEIVED_AT),
    )


def client_context(values: Mapping[str, Any]) -> Context | None:
    """What the client's traceparent names; None where it sent none or one that can't be read.

    Its tracestate is left out: that is free text of the client, and every span would carry it on.
    """
    traceparent = values.get("HTTP_TRACEPARENT")
    return propagator.extract({"traceparent": traceparent}, Context()) if traceparent else None


def method_of(values: Mapping[str, Any]) -> str:
    method = values["REQUEST_METHOD"]
    return method if method in METHODS else OTHER_METHOD


def name_of(values: Mapping[str, Any]) -> str:
    """What the conventions call a request of this method whose route is not known."""
    method = method_of(values)
    return "HTTP" if method == OTHER_METHOD else method


def describe(span: Span, request: HttpRequest, *, status: int) -> None:
    attributes: dict[str, AttributeValue] = {
        "url.scheme": request.scheme or "http",
        "http.response.status_code": status,
    }
    if request.resolver_match is not None:
        route = f"/{request.resolver_match.route}"
        attributes["http.route"] = route
        span.update_name(f"{name_of(request.META)} {route}")
    if status >= 500:
        attributes["error.type"] = str(status)
        span.set_status(StatusCode.ERROR)
    span.set_attributes(attributes)
