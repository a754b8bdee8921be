"""When a key was used first and last.

No request writes this to the database: it would wait for whatever writes there. The fold knows what ingest keys
posted. Other keys leave a note in the cache that processes share, at most once a minute each, and a task reads it.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from django.core.cache import cache

from telemetry.models import ApiKey, Scope

logger = logging.getLogger(__name__)

# A key's row is written at most this often.
PRECISION = timedelta(minutes=1)
# The task reads a note long before it goes.
NOTE_SECONDS = 24 * 60 * 60

# Key → when this process last left a note.
noted: dict[int, datetime] = {}


def remember(key: ApiKey, *, now: datetime) -> None:
    """Note that the key is used at `now`, once a minute. It never fails: a cache that is away loses the note."""
    last = noted.get(key.pk)
    if last is not None and timedelta(0) <= now - last < PRECISION:
        return
    noted[key.pk] = now
    try:
        cache.set(note_of(key.pk), now.timestamp(), NOTE_SECONDS)
    except Exception as error:
        # Whatever the cache's server or its client raises: the post goes on.
        logger.warning("The use of a key was not noted: %s", type(error).__name__)


def note_of(key_id: int) -> str:
    return f"key-use-{key_id}"


def store_notes() -> None:
    """Write what requests noted to the keys' rows. Safe to repeat."""
    ids = list(ApiKey.objects.exclude(scope=Scope.INGEST).values_list("pk", flat=True))
    found = cache.get_many([note_of(pk) for pk in ids])
    moments = {pk: datetime.fromtimestamp(found[note_of(pk)], UTC) for pk in ids if note_of(pk) in found}
    store_uses({pk: (moment, moment) for pk, moment in moments.items()})


def store_posts(posts: Iterable[tuple[int, datetime]]) -> None:
    """Write when posts used their keys: (key, moment of receipt). The fold calls it. Safe to repeat."""
    spans: dict[int, tuple[datetime, datetime]] = {}
    for key_id, moment in posts:
        first, last = spans.get(key_id, (moment, moment))
        spans[key_id] = min(first, moment), max(last, moment)
    store_uses(spans)


def store_uses(spans: Mapping[int, tuple[datetime, datetime]]) -> None:
    """Widen what the keys' rows say to these first and last moments, where that is a minute or more."""
    # In key order, so that two workers cannot deadlock. Posts do not wait: their arrivals only refer to the row.
    for key in ApiKey.objects.filter(pk__in=spans).order_by("pk"):
        first, last = spans[key.pk]
        first_used_at = min(first, key.first_used_at or first)
        last_used_at = max(last, key.last_used_at or last)
        is_old = key.last_used_at is None or last_used_at - key.last_used_at >= PRECISION
        if is_old or first_used_at != key.first_used_at:
            uses = {"first_used_at": first_used_at, "last_used_at": last_used_at}
            ApiKey.objects.filter(pk=key.pk).update(**uses)
