"""The id of a request. It stands in the answer's header, in an error's body and in the logs."""

import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponseBase

from web.log_fields import log_scope

HEADER = "X-Request-ID"
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Empty outside of a request.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")


def request_id_of(request: HttpRequest) -> str:
    """The caller's X-Request-ID if it is 1 to 64 safe characters; otherwise a new random id."""
    header = request.META.get("HTTP_X_REQUEST_ID", "")
    return header if ACCEPTED.fullmatch(header) else uuid.uuid4().hex


class RequestIdMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        token = REQUEST_ID.set(request_id_of(request))
        try:
            with log_scope():
                response = self.get_response(request)
            response.headers[HEADER] = REQUEST_ID.get()
            return response
        finally:
            REQUEST_ID.reset(token)
