"""The one JSON shape of every fault of a whole API request: {"code", "message", "detail", "request_id"}.

`code` is for programs and `message` is a sentence for people. `detail` is the same sentence, or the faults field
by field where there are several. Each SDK reads one of the three, so all three are always there.
"""

import logging
import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.views import set_rollback

from web.api_paths import is_api
from web.request_ids import REQUEST_ID

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5


class ApiError(exceptions.APIException):
    """A fault of a whole request: the status, code and message that the client gets."""

    def __init__(
        self, *, status: HTTPStatus, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail=message, code=code)
        self.status_code = status
        self.code = code
        self.message = message
        self.headers = headers or {}


class Unavailable(ApiError):
    """The portal can't take the request now. The client may send it again after `seconds`."""

    def __init__(self, *, code: str, message: str, seconds: int = RETRY_AFTER_SECONDS) -> None:
        super().__init__(
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            code=code,
            message=message,
            headers={"Retry-After": str(seconds)},
        )


def error_response(
    *,
    status: int,
    code: str,
    message: str,
    detail: object = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """A fault as a response in the one shape; `detail` is the message where none is given."""
    body = {
        "code": code,
        "message": message,
        "detail": message if detail is None else detail,
        "request_id": REQUEST_ID.get(),
    }
    return HttpResponse(
        msgspec.json.encode(body, enc_hook=str),
        status=status,
        content_type="application/json",
        headers=dict(headers or {}),
    )


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """REST framework's handler: answers every fault that a client or an absent database can cause.

    Returns None for anything else. That is a fault of the portal, and Django answers 500 (`server_error`).
    """
    # As REST framework's own handler does: a refused request commits nothing.
    set_rollback()
    if isinstance(error, ApiError):
        return from_api_error(error)
    if isinstance(error, Http404):
        return from_rest_framework(exceptions.NotFound())
    if isinstance(error, PermissionDenied):
        return from_rest_framework(exceptions.PermissionDenied())
    if isinstance(error, exceptions.APIException):
        return from_rest_framework(error)
    if isinstance(error, OperationalError | InterfaceError):
        return from_database(error)
    return None


def from_api_error(error: ApiError) -> HttpResponse:
    return error_response(
        status=error.status_code, code=error.code, message=error.message, headers=error.headers
    )


def from_rest_framework(error: exceptions.APIException) -> HttpResponse:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    several = isinstance(error.detail, list | dict)
    return error_response(
        status=error.status_code,
        code=error.default_code if several else str(error.get_codes()),
        message=str(error.default_detail) if several else str(error.detail),
        detail=error.detail if several else None,
        headers=headers,
    )


def from_database(error: DatabaseError | InterfaceError) -> HttpResponse:
    return from_api_error(unavailable_database(error))


def unavailable_database(error: DatabaseError | InterfaceError) -> Unavailable:
    """The fault that a client is told when the database is away, locked or full."""
    # The driver's message may quote values of an event: only the class is logged.
    logger.error("The database did not answer: %s", type(error).__name__)
    return Unavailable(
        code="database_unavailable",
        message=gettext_noop("The database does not answer. Send the request again."),
    )


def page_text(status: HTTPStatus, *, message: str, request_id: str) -> str:
    """A page of a fault, with the id to find it by. It needs no template, style or database."""
    title = f"{_(status.phrase)} ({status.value})"
    request = _("Request %(id)s") % {"id": request_id}
    return f"""<!doctype html>
<html lang="{get_language()}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body><h1>{title}</h1><p>{escape(message)}</p><p><small>{escape(request)}</small></p></body>
</html>
"""


def error_page(status: HTTPStatus, *, message: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A page that needs neither the request nor the database.

    Django's own handlers check the CSRF token again, and so read a body that may be what broke the request.
    """
    text = page_text(status, message=message, request_id=REQUEST_ID.get())
    return HttpResponse(text, status=status, headers=dict(headers or {}))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400: a request that Django itself refuses, for its Host header or too many query parameters."""
    message = _("The request could not be read: its host, path or query is not acceptable.")
    if not is_api(request):
        return error_page(HTTPStatus.BAD_REQUEST, message=message)
    return error_response(status=HTTPStatus.BAD_REQUEST, code="bad_request", message=message)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403: a request without the permission that its view asks for."""
    if not is_api(request):
        message = _("Your account may not see this. An administrator can give it the right.")
        return error_page(HTTPStatus.FORBIDDEN, message=message)
    return from_rest_framework(exceptions.PermissionDenied())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: a path that no route has."""
    if not is_api(request):
        return render(request, "404.html", status=HTTPStatus.NOT_FOUND)
    return error_response(
        status=HTTPStatus.NOT_FOUND, code="not_found", message="There is nothing at this path."
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: Django has logged the fault, and the client gets the request id to find it by.

    A database that is away, locked or full is no fault of the portal: 503.
    """
    fault = sys.exception()
    if isinstance(fault, OperationalError | InterfaceError):
        fault = unavailable_database(fault)
    if isinstance(fault, Unavailable):
        if is_api(request):
            return from_api_error(fault)
        return error_page(HTTPStatus.SERVICE_UNAVAILABLE, message=_(fault.message), headers=fault.headers)
    message = _("The portal failed to answer. The request may be sent again.")
    if not is_api(request):
        return error_page(HTTPStatus.INTERNAL_SERVER_ERROR, message=message)
    return error_response(status=HTTPStatus.INTERNAL_SERVER_ERROR, code="server_error", message=message)
