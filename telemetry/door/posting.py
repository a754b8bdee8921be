"""What all views of the door share: they ask for a key themselves, pass events in, and answer with JSON."""

import logging
from collections.abc import Sequence
from datetime import datetime

import msgspec
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from rest_framework.views import APIView

from telemetry.intake.ingest import IngestResult, PostedEvent, ingest_events
from telemetry.models import ApiKey
from web.errors import Unavailable
from web.negotiation import AnyAccept

logger = logging.getLogger(__name__)

encoder = msgspec.json.Encoder()


def json_response(value: object) -> HttpResponse:
    return HttpResponse(encoder.encode(value), content_type="application/json")


class DoorView(APIView):
    """It asks for a key itself, before the body is read where it can; DRF's own steps cost a post nothing."""

    http_method_names = ["post"]
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    content_negotiation_class = AnyAccept


def store(
    request: HttpRequest,
    events: Sequence[PostedEvent],
    *,
    key: ApiKey,
    now: datetime,
    verbose: bool = False,
    origins: Sequence[str] | None = None,
) -> IngestResult:
    """Pass a request's events in, as its query says (`dry_run`, `verbose`); see `ingest_events`.

    Raises ApiError (503) when the database does not store them.
    """
    try:
        return ingest_events(
            events,
            key=key,
            now=now,
            dry_run=asks_for(request, "dry_run"),
            verbose=verbose or asks_for(request, "verbose"),
            origins=origins,
        )
    except DatabaseError as error:
        raise not_stored(error) from error


def asks_for(request: HttpRequest, name: str) -> bool:
    """Whether the query switches this on."""
    if not request.META.get("QUERY_STRING"):
        return False
    return request.GET.get(name, "").lower() in {"1", "true", "yes", "on"}


def not_stored(error: DatabaseError) -> Unavailable:
    """The client keeps its events and sends them again: nothing is lost while the database is away."""
    # The driver's message may quote values of an event: only the class is logged.
    logger.error("A batch was not stored: %s", type(error).__name__)
    return Unavailable(code="database_unavailable", message="The events were not stored. Send them again.")
