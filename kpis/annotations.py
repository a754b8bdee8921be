"""Annotations: adding them, and which belong to a range of a KPI."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.translation import gettext as _

from kpis.models import Annotation
from kpis.registry import REGISTRY
from telemetry.models import ApiKey

MOST_SHOWN = 200
MOST_CHARACTERS = 200
# A release may be announced before it happens, but nobody means a year that was mistyped.
FARTHEST = timedelta(days=366)
EARLIEST_YEAR = 2000


class BadAnnotation(ValueError):
    """An annotation that cannot be. `field` names the part that is wrong, the message says why."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class Note:
    """What an annotation says: of one KPI, or of every KPI for "". `at` is aware."""

    text: str
    at: datetime
    kpi: str = ""

    def check(self, *, now: datetime) -> None:
        """Raises BadAnnotation."""
        if not self.text or len(self.text) > MOST_CHARACTERS or not self.text.isprintable():
            sentence = _("It takes one line of 1 to %(number)s characters.")
            raise BadAnnotation(sentence % {"number": MOST_CHARACTERS}, field="text")
        if self.kpi and self.kpi not in REGISTRY:
            raise BadAnnotation(_("There is no KPI of this name."), field="kpi")
        if self.at.year < EARLIEST_YEAR or self.at > now + FARTHEST:
            raise BadAnnotation(
                _("It takes a moment from the year %(year)s to %(days)s days from now.")
                % {"year": EARLIEST_YEAR, "days": FARTHEST.days},
                field="at",
            )


def annotate(note: Note, *, environment: str, person: User, now: datetime) -> Annotation:
    """Add what a person notes. Raises BadAnnotation."""
    note.check(now=now)
    return Annotation.objects.create(
        environment=environment, kpi=note.kpi, at=note.at, text=note.text, added_by=person
    )


def annotate_once(note: Note, *, key: ApiKey, client_id: str, now: datetime) -> tuple[Annotation, bool]:
    """Add what a program notes in its key's environment, and whether that is new.

    With a `client_id` that its source used before, the stored annotation stays as it is. Raises BadAnnotation.
    """
    note.check(now=now)
    fields = {"kpi": note.kpi, "at": note.at, "text": note.text}
    place = {"environment": key.environment_id, "source": key.source}
    if not client_id:
        return Annotation.objects.create(**place, **fields), True
    return Annotation.objects.get_or_create(**place, client_id=client_id, defaults=fields)


def edit(annotation: Annotation, note: Note, *, person: User, now: datetime) -> None:
    """Raises BadAnnotation."""
    note.check(now=now)
    annotation.text, annotation.at, annotation.kpi = note.text, note.at, note.kpi
    annotation.edited_by = person
    annotation.save(update_fields=["text", "at", "kpi", "edited_by"])


def annotations_within(
    *, environment: str, start: datetime, end: datetime, kpi: str = ""
) -> Sequence[Annotation]:
    """Those from `start` to `end` (exclusive), the oldest first; of more than 200 the newest.

    With a KPI its own and those of every KPI, else all. One query. Index: annotation_of_range.
    """
    rows = Annotation.objects.filter(environment=environment, at__gte=start, at__lt=end)
    if kpi:
        rows = rows.filter(Q(kpi="") | Q(kpi=kpi))
    newest = rows.select_related("added_by", "edited_by").order_by("-at", "-pk")[:MOST_SHOWN]
    return list(newest)[::-1]


def count_annotations(*, environment: str, start: datetime, end: datetime) -> int:
    """How many there are from `start` to `end` (exclusive), of any KPI. Index: annotation_of_range."""
    return Annotation.objects.filter(environment=environment, at__gte=start, at__lt=end).count()
