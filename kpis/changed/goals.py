"""Targets and baselines that were set, changed or deleted for days that had passed: verdicts changed, not values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self

from django.contrib.contenttypes.models import ContentType

from audit.models import AuditEntry
from kpis.days import local_day
from kpis.models import Baseline, Target
from kpis.reading.periods import Range, last_date
from kpis.registry import Kpi

# What the audit writes for a field that has no value.
NONE = "None"


@dataclass(frozen=True, kw_only=True)
class GoalTerms:
    """What a target or baseline says. `value` is as it was entered; None: the audit no longer says."""

    value: str | None
    effective_from: date | None

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self | None:
        """None where there is no row."""
        if not fields:
            return None
        value, day = fields.get("value"), fields.get("effective_from")
        return cls(
            # The same number may be noted with the zeros of its column and without them.
            value=f"{Decimal(value).normalize():f}" if value else None,
            effective_from=date.fromisoformat(day) if day else None,
        )


@dataclass(frozen=True, kw_only=True)
class GoalChange:
    """A target or baseline before and after; None: there was none, or it is deleted. `kind` is the model's name."""

    at: datetime
    kind: str
    environment: str
    before: GoalTerms | None
    after: GoalTerms | None
    by: str

    @property
    def judged_from(self) -> date | None:
        """The first day whose verdict may have changed; None where the audit does not say."""
        days = [terms.effective_from for terms in (self.before, self.after) if terms and terms.effective_from]
        return min(days, default=None)


def goal_changes(kpi: Kpi, *, environment: str, range: Range) -> list[GoalChange]:
    """Those that may have changed a verdict on a day of the range that had begun, the newest first.

    One query, and one more for the content types that a process asks for once. The audit is pruned, so what was done
    long ago may be missing.
    """
    kinds = ContentType.objects.get_for_models(Target, Baseline)
    names = {kind.pk: model._meta.model_name or "" for model, kind in kinds.items()}
    # Index: audit_entry_type (content_type, timestamp, id). People enter goals, so there are few.
    entries = AuditEntry.objects.filter(
        content_type__in=list(names),
        object_repr__startswith=f"{kpi.slug} ",
        environment__in=("", environment),
    ).order_by("timestamp", "id")
    found = replayed(entries, names=names)
    return [change for change in found if is_of_past_days(change, range=range)][::-1]


def replayed(entries: Iterable[AuditEntry], *, names: Mapping[int, str]) -> Iterator[GoalChange]:
    """What each entry made of its row; the entries are in their order."""
    rows: dict[tuple[int, str], dict[str, str]] = {}
    for entry in entries:
        place = (entry.content_type_id, entry.object_pk)
        before = rows.get(place, {})
        changes = fields_of(entry, part=0)
        after = {} if entry.action == AuditEntry.Action.DELETE else before | fields_of(entry, part=1)
        if entry.action != AuditEntry.Action.CREATE:
            before = before | changes
        rows[place] = after
        yield GoalChange(
            at=entry.timestamp,
            kind=names[entry.content_type_id],
            environment=entry.environment,
            before=GoalTerms.from_fields(before),
            after=GoalTerms.from_fields(after),
            by=entry.actor_name,
        )


def fields_of(entry: AuditEntry, *, part: int) -> dict[str, str]:
    """The changed fields as they were (part 0) or became (part 1)."""
    changes: Mapping[str, Sequence[Any]] = entry.changes or {}
    return {name: str(values[part]) for name, values in changes.items() if values[part] not in (None, NONE)}


def is_of_past_days(change: GoalChange, *, range: Range) -> bool:
    """Whether it judges a day of the range that had begun when it was made, or may do so."""
    first = change.judged_from
    if first is None:
        return True
    return first < local_day(change.at, zone=range.zone) and first <= last_date(range, zone=range.zone)
