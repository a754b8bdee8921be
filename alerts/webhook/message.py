"""Reads Alertmanager's webhook message, version 4.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Literal

import msgspec
from django.http import HttpRequest

from alerts.reports import AlertReport
from telemetry.door.body import check_content_type, json_text, read_decompressed, unreadable
from web.errors import ApiError

MAX_ALERTS = 1_000
# Go writes the moment that is none as the first of the year 1. Alerts of before this year there are none.
FIRST_YEAR = 2000
# Clocks of machines differ by less.
CLOCKS_APART = timedelta(hours=1)

Fingerprint = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{1,64}\Z")]
AlertName = Annotated[str, msgspec.Meta(min_length=1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class PostedAlert(msgspec.Struct):
    """Fields that are not here are ignored: later releases of Alertmanager may add some."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    fingerprint: Fingerprint
    startsAt: Moment
    endsAt: Moment | None = None
    annotations: dict[str, str] = {}


class PostedMessage(msgspec.Struct):
    version: Literal["4"]
    alerts: list[PostedAlert]


decoder = msgspec.json.Decoder(PostedMessage)


def read_reports(request: HttpRequest, *, lifetime: timedelta, now: datetime) -> list[AlertReport]:
    """The reports of a request's body. One that fires expires when it says, and a `lifetime` after now at the latest.

    Raises ApiError: 415 for a content type that is not JSON; 413 above 1 MiB or 1,000 alerts; 400 for what is no
    message of version 4, or has a moment that cannot be.
    """
    check_content_type(request, accepted={"application/json"}, names="application/json")
    message = decoded(json_text(read_decompressed(request)))
    if len(message.alerts) > MAX_ALERTS:
        raise ApiError(
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            code="too_many_alerts",
            message=f"A message may have {MAX_ALERTS:,} alerts at most. Set max_alerts of the webhook.",
        )
    return list(reports_of(message, lifetime=lifetime, now=now))


def decoded(text: bytes) -> PostedMessage:
    try:
        return decoder.decode(text)
    except msgspec.DecodeError as error:
        # What the path names are fields and positions; the rest of msgspec's text may quote a value.
        _, _, path = str(error).rpartition(" - at ")
        where = f" See {path}." if path.startswith("`$") else ""
        raise unreadable(
            code="wrong_shape",
            message=f"The body must be a message of Alertmanager's webhook, version 4.{where}",
        ) from None


def reports_of(message: PostedMessage, *, lifetime: timedelta, now: datetime) -> Iterator[AlertReport]:
    for number, posted in enumerate(message.alerts):
        if not posted.labels.get("alertname"):
            raise unreadable(code="wrong_shape", message=f"The alert at $.alerts[{number}] has no alertname.")
        yield report_of(posted, path=f"$.alerts[{number}]", lifetime=lifetime, now=now)


def report_of(posted: PostedAlert, *, path: str, lifetime: timedelta, now: datetime) -> AlertReport:
    started_at = moment_of(posted.startsAt, path=f"{path}.startsAt")
    if started_at is None or started_at > now + CLOCKS_APART:
        raise bad_moment(f"{path}.startsAt")
    end = moment_of(posted.endsAt, path=f"{path}.endsAt")
    is_over = posted.status == "resolved"
    if end is not None and (end < started_at or (is_over and end > now + CLOCKS_APART)):
        raise bad_moment(f"{path}.endsAt")
    # Where it is over and does not say since when, it is over now.
    ended_at = (end or max(now, started_at)) if is_over else None
    return AlertReport(
        fingerprint=posted.fingerprint,
        labels=posted.labels,
        annotations=posted.annotations,
        started_at=started_at,
        ended_at=ended_at,
        expires_at=ended_at or min(end or now + lifetime, now + lifetime),
    )


def moment_of(moment: datetime | None, *, path: str) -> datetime | None:
    """In UTC; None for one that is none. Raises ApiError for one that is beyond the last year in UTC."""
    if moment is None or moment.year < FIRST_YEAR:
        return None
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise bad_moment(path) from None


def bad_moment(path: str) -> ApiError:
    return unreadable(
        code="bad_moment",
        message=f"The moment at {path} cannot be. Compare the clocks of Alertmanager's machine and the portal's.",
    )
