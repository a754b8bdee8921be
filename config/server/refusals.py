"""What is answered without asking the application: to who is too slow, too many, or comes at a bad time."""

import uuid
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from django.conf import settings

from web.api_paths import is_api_path
from web.errors import RETRY_AFTER_SECONDS, page_text

RECEIVE_SECONDS = 15

Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes]

# The application's own answers have these, and more, from its middleware.
SECURITY_HEADERS = [
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", settings.SECURE_REFERRER_POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", settings.PERMISSIONS_POLICY),
]


@dataclass(frozen=True)
class Refusal:
    """What is answered without asking the application."""

    status: HTTPStatus
    code: str
    message: str

    def answer(self, *, is_page: bool = False) -> Answer:
        """As a page, or in the one shape of errors (web.errors)."""
        request_id = uuid.uuid4().hex
        content_type, body = self.page(request_id) if is_page else self.fault(request_id)
        headers = [
            ("content-type", content_type),
            ("connection", "close"),
            ("x-request-id", request_id),
            *SECURITY_HEADERS,
        ]
        if self.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
            headers.append(("retry-after", str(RETRY_AFTER_SECONDS)))
        return self.status, headers, body

    def fault(self, request_id: str) -> tuple[str, bytes]:
        body = {
            "code": self.code,
            "message": self.message,
            "detail": self.message,
            "request_id": request_id,
        }
        return "application/json", msgspec.json.encode(body)

    def page(self, request_id: str) -> tuple[str, bytes]:
        text = page_text(self.status, message=self.message, request_id=request_id)
        return "text/html; charset=utf-8", text.encode()


class Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


TOO_SLOW = Refusal(
    HTTPStatus.REQUEST_TIMEOUT,
    "request_timeout",
    f"The request's body did not arrive within {RECEIVE_SECONDS} seconds.",
)
CUT_OFF = Refusal(HTTPStatus.BAD_REQUEST, "incomplete_body", "The body ended early.")
TOO_MANY_PIECES = Refusal(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_chunks", "The body came in too many small pieces."
)
TOO_BUSY = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE, "too_busy", "The portal has too much to do. Send the request again later."
)
TOO_MANY_SIGN_INS = Refusal(
    HTTPStatus.TOO_MANY_REQUESTS,
    "too_many_sign_ins",
    "Your address asks for the sign-in too often. Try again in a few seconds.",
)
NO_DATABASE = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "database_unavailable",
    "The database does not answer. Send the request again.",
)


def wants_page(*, path: str, accept: str) -> bool:
    """Whether a person reads the answer in a browser."""
    return "text/html" in accept and not is_api_path(path)
