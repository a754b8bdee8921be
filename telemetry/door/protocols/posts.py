"""What the posts of all other SDKs have in common: the key may be in the body, and every content type is read."""

import time
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from django.http import HttpRequest

from telemetry import maintenance
from telemetry.door.body import read_decompressed
from telemetry.door.posting import store
from telemetry.door.protocols.messages import Translation
from telemetry.door.throttling import check_rate
from telemetry.intake.ingest import IngestResult
from telemetry.intake.instruments import count_dropped_properties
from telemetry.keys import check_in_force, find_key, require_key, secret_outside_body
from telemetry.models import ApiKey, Scope
from web.errors import ApiError


def ingest_post(
    request: HttpRequest, *, now: datetime, translate: Callable[[], Translation], all_results: bool = False
) -> tuple[IngestResult, Translation]:
    """Ask for a key, translate the request's body and store its events; answers the result and the translation.

    `translate` reads the body. A known key outside of the body goes before one in it. Raises ApiError: 401, 403,
    429 and 503 as the door does, 400 for a body that can't be read, 413 for one that is too large.
    """
    maintenance.refuse_if_on(now=now)
    outside_secret = secret_outside_body(request.META)
    # The body is read without a key only when there may be one in it.
    if find_key(outside_secret):
        key = admit_key(outside_secret, now=now)
        translation = translate()
    else:
        translation = translate()
        key = admit_key(translation.secret or outside_secret, now=now)
    result = store(
        request,
        translation.events,
        key=key,
        now=now,
        verbose=all_results,
        all_results=all_results,
        origins=translation.origins,
        sent_moments=translation.sent_moments,
        wording_of=translation.wording_of,
        client=translation.client,
    )
    count_dropped_properties(environment=key.environment_id, properties=translation.dropped_properties)
    return result, translation


def admit_key(secret: str, *, now: datetime) -> ApiKey:
    """The ingest key of this secret, which pays for one post. Raises ApiError (401, 403, 429)."""
    key = check_in_force(require_key(secret), scopes=(Scope.INGEST,), now=now)
    check_rate(key, at=time.monotonic())
    return key


def read_body(request: HttpRequest) -> bytes:
    """The decompressed body, whatever content type it claims.

    Raises ApiError. An encoding that is not accepted is 400 here and not 415, which makes SDKs send it again.
    """
    try:
        return read_decompressed(request)
    except ApiError as error:
        if error.status_code == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            error.status_code = HTTPStatus.BAD_REQUEST
        raise
