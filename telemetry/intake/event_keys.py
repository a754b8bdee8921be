"""What a duplicate is known by, and the day that an event is stored under.

The key comes from what the client sent and never from what the portal computed of it: a copy that arrives later, or
with another correction of the client's clock, must get the same key.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any

from django.conf import settings

from telemetry.intake.privacy import looks_like_pii
from telemetry.intake.validation import ValidEvent
from telemetry.models import ApiKey
from telemetry.plan.values import CONTROL

KEY_BYTES = 16
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# A longer origin is not kept, so its event cannot be replayed.
MAX_ORIGIN_LENGTH = 200

Hasher = Callable[[str], str]


def day_hashers(key: ApiKey, *, day: date | None) -> tuple[Hasher, Hasher]:
    """Two functions that give the event key of an event of this key and day: from its id, and from its content.

    `day` is the UTC day of the timestamp as the client sent it; None: it sent none. Environments and sources have
    no NUL, so different (environment, source, day, id) never make the same text. Ids and contents are hashed in
    domains of their own, so no id that a client chooses gives the key of a content.
    """
    prefix = f"{key.environment_id}\0{key.source}\0{day or ''}\0".encode()
    return partial(hash_text, prefix, b"id"), partial(hash_text, prefix, b"content")


def hash_text(prefix: bytes, domain: bytes, text: str) -> str:
    return blake2b(prefix + text.encode(), digest_size=KEY_BYTES, person=domain).hexdigest()


def content_of(event: ValidEvent, *, moment: datetime) -> str:
    """What an event without an id is known by: a resend of the same bytes has the same content.

    `moment` is the timestamp as the client sent it; where it sent none, the moment of receipt.
    """
    microseconds = (moment - EPOCH) // MICROSECOND
    return f"{event.event}\0{event.session_id}\0{microseconds}\0{event.properties}"


def day_to_store(sent_day: date | None, *, occurred_day: date, today: date) -> date:
    """The day whose partition takes an event: the day as sent, or else the day of the corrected moment.

    A day as sent that lies too far from `today`, because the client's clock is wrong, would be pruned too early or
    too late. The days up to the late window ahead count as near: a copy may arrive when they have come.
    """
    if sent_day is None or not -1 <= (sent_day - today).days <= settings.LATE_WINDOW_DAYS + 1:
        return occurred_day
    return sent_day


def may_lie_elsewhere(sent_day: date | None, *, today: date) -> bool:
    """Whether an earlier copy of an event may be stored under another day than this one's `day_to_store`.

    For the other days, every copy that arrived within the late window is stored under the day as sent. A day lies
    between these bounds and those of `day_to_store`, so that two copies at midnight cannot miss each other.
    """
    return sent_day is None or not 0 <= (sent_day - today).days <= 1


def delivery_of(
    index: int, *, origins: Sequence[str] | None, sent_moments: Sequence[datetime | None] | None
) -> dict[str, Any]:
    """What the quarantine keeps of a delivery, so that a replay gives the event the key of its first delivery.

    {"origin": what its id is unique within, "sent_at": the timestamp as sent, or None}, each only where the protocol
    says so (see `ingest_events`).
    """
    delivery: dict[str, Any] = {}
    if origins is not None:
        delivery["origin"] = origins[index]
    if sent_moments is not None:
        sent_at = sent_moments[index]
        delivery["sent_at"] = None if sent_at is None else sent_at.isoformat()
    return delivery


def may_be_kept(delivery: dict[str, Any]) -> bool:
    """Whether nothing in the delivery is too long, can't be stored or looks like PII."""
    origin = delivery.get("origin", "")
    return len(origin) <= MAX_ORIGIN_LENGTH and not CONTROL.search(origin) and not looks_like_pii(origin)
