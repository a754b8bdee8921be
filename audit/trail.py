"""Writing to the audit what no changed row says, and taking from it what is old enough."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models, router, transaction

from audit.models import AuditEntry, Horizon, Verb, environment_of

MOST_DELETED = 5000
# Entries that were begun earlier may be committed later; so many may be.
NEWEST_KEYS = 20
HORIZON = 1


def note(
    verb: Verb,
    *,
    subject: models.Model,
    environment: str = "",
    details: Mapping[str, Any] | None = None,
    before_and_after: Mapping[str, tuple[Any, Any]] | None = None,
) -> None:
    """Note in the audit that the current actor did this to the row.

    Call it in the transaction of what was done. `details` and the values are JSON without personal data or secrets;
    details are shown as they are. A change through QuerySet.update or bulk_create needs a note, because
    django-auditlog sees saved rows only.
    """
    changes = {
        field: [str(before), str(after)] for field, (before, after) in (before_and_after or {}).items()
    }
    AuditEntry.objects.log_create(
        subject,
        force_log=True,
        action=AuditEntry.Action.UPDATE,
        verb=verb,
        environment=environment or environment_of(subject),
        changes=changes,
        additional_data=dict(details or {}),
    )


def newest_keys() -> tuple[int, ...]:
    """The keys of the newest entries: others after whatever the audit notes. Index: the primary key."""
    return tuple(AuditEntry.objects.order_by("-pk").values_list("pk", flat=True)[:NEWEST_KEYS])


def count_before(moment: datetime) -> int:
    """How many entries are older than the moment."""
    return int(AuditEntry.objects.filter(timestamp__lt=moment).count())


def delete_before(moment: datetime, *, limit: int = MOST_DELETED) -> int:
    """Delete entries older than the moment, the oldest first; returns how many, at most `limit`.

    One transaction. Call it until it returns 0. Afterwards the database refuses to delete later entries, as before.
    """
    with transaction.atomic():
        move_horizon(moment)
        oldest = AuditEntry.objects.filter(timestamp__lt=moment).order_by("timestamp", "id")
        keys = list(oldest.values_list("pk", flat=True)[:limit])
        entries = AuditEntry.objects.filter(pk__in=keys)
        # A plain DELETE: the guard against deleted entries listens to Django's signals.
        entries._raw_delete(router.db_for_write(AuditEntry))
    return len(keys)


def move_horizon(moment: datetime) -> None:
    """Allow entries older than the moment to be deleted. An earlier moment than the horizon's changes nothing."""
    horizon, _ = Horizon.objects.get_or_create(pk=HORIZON, defaults={"kept_from": moment})
    if horizon.kept_from < moment:
        horizon.kept_from = moment
        horizon.save(update_fields=["kept_from"])
