"""What all views of the door share: they check the key themselves, pass events in, and answer with JSON."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, NoReturn

import msgspec
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from rest_framework.views import APIView

from telemetry.door.client_names import client_of
from telemetry.intake.ingest import IngestResult, PostedEvent, ingest_events
from telemetry.intake.storage import SpanLinkRow
from telemetry.intake.wording import WordingOf, own_wording
from telemetry.models import ApiKey
from web.errors import ApiError, Unavailable
from web.negotiation import AnyAccept

logger = logging.getLogger(__name__)

# The answer to a post is no longer than this, or than this many times the body.
MIN_ANSWER_BYTES = 1024
MAX_AMPLIFICATION = 4
# What an answer has besides its results.
COUNTS_BYTES = 160

encoder = msgspec.json.Encoder()


def json_response(value: object) -> HttpResponse:
    return HttpResponse(encoder.encode(value), content_type="application/json")


class DoorView(APIView):
    """A view that checks the key itself, before it reads the body if it can. It skips REST framework's own steps."""

    http_method_names = ["post"]
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    content_negotiation_class = AnyAccept

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        allowed = " or ".join(name.upper() for name in self.http_method_names if hasattr(self, name))
        raise ApiError(
            status=HTTPStatus.METHOD_NOT_ALLOWED,
            code="method_not_allowed",
            message=f"This address takes {allowed}. Check the method and the address.",
        )


def store(
    request: HttpRequest,
    events: Sequence[PostedEvent],
    *,
    key: ApiKey,
    now: datetime,
    verbose: bool = False,
    all_results: bool = False,
    origins: Sequence[str] | None = None,
    sent_moments: Sequence[datetime | None] | None = None,
    wording_of: WordingOf = own_wording,
    client: str = "",
    links: Sequence[SpanLinkRow] = (),
) -> IngestResult:
    """Pass a request's events to `ingest_events`, with `dry_run` and `verbose` from its query.

    Where the protocol does not say which `client` sent them, the headers do.

    Raises ApiError (503) when the database does not store them.
    """
    try:
        return ingest_events(
            events,
            key=key,
            now=now,
            dry_run=is_switched_on(request, "dry_run"),
            verbose=verbose or is_switched_on(request, "verbose"),
            all_results=all_results,
            origins=origins,
            sent_moments=sent_moments,
            wording_of=wording_of,
            client=client or client_of(request),
            links=links,
        )
    except DatabaseError as error:
        raise not_stored(error) from error


def counts_and_results(result: IngestResult, *, request: HttpRequest) -> dict[str, object]:
    """The answer of the door. It is at most four times as long as the body was sent, or 1 KiB.

    `results_left_out` counts the results for which there is no room; it is there only above zero.
    """
    results = list(fitting(result.results, room=room_for_results(request)))
    left_out = result.results_left_out + len(result.results) - len(results)
    return {
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        "rejected": result.rejected,
        "results": results,
        **({"results_left_out": left_out} if left_out else {}),
    }


def room_for_results(request: HttpRequest) -> int:
    return max(MIN_ANSWER_BYTES, MAX_AMPLIFICATION * body_bytes(request)) - COUNTS_BYTES


def body_bytes(request: HttpRequest) -> int:
    """The length of the body as it was sent; 0 where it is not known."""
    length = request.META.get("CONTENT_LENGTH") or ""
    return int(length) if length.isdecimal() else 0


def fitting(results: Sequence[dict[str, Any]], *, room: int) -> Iterator[dict[str, Any]]:
    """The first results, as many as take no more than `room` bytes."""
    for entry in results:
        room -= len(encoder.encode(entry)) + 1
        if room < 0:
            return
        yield entry


def is_switched_on(request: HttpRequest, name: str) -> bool:
    """Whether the query switches the option on."""
    if not request.META.get("QUERY_STRING"):
        return False
    return request.GET.get(name, "").lower() in {"1", "true", "yes", "on"}


def not_stored(error: DatabaseError) -> Unavailable:
    """The fault that makes the client send its events again: nothing is lost while the database is away."""
    # The driver's message may quote values of an event: only the class is logged.
    logger.error("A batch was not stored: %s", type(error).__name__)
    return Unavailable(code="database_unavailable", message="The events were not stored. Send them again.")
