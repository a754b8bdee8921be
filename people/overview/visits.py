"""When a person last looked at the overview of an environment, so that it can say what happened since.

A visit is a series of looks. It is over when 30 minutes passed without one; the next look begins another visit.

No page writes a look to the database: it would wait for whatever writes there. It leaves a note in the cache that
processes share, at most once a minute, and a task keeps the notes.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.core.cache import cache

from people.models import OverviewVisit

logger = logging.getLogger(__name__)

VISIT_GAP = timedelta(minutes=30)
# A look is not noted if one was noted so shortly before.
NOTED_EVERY = timedelta(minutes=1)
# The task keeps a note long before it goes.
NOTE_SECONDS = 7 * 24 * 60 * 60


class VisitMark(NamedTuple):
    """What is known of a person's visits of an environment: see OverviewVisit."""

    last_looked_at: datetime
    previous_visit_at: datetime | None


# Environment → the mark.
Marks = dict[str, VisitMark]


def previous_visit(user: User, *, environment: str, now: datetime, is_look: bool = True) -> datetime | None:
    """When the person's visit before this one ended; None on the first one. One query at most.

    A look is noted; what is none (`is_look`) only reads.
    """
    noted = read_note(user.pk)
    mark = noted.get(environment) or kept_mark(user, environment=environment)
    if mark is None:
        before, is_due = None, True
    else:
        is_next = now - mark.last_looked_at > VISIT_GAP
        before = mark.last_looked_at if is_next else mark.previous_visit_at
        is_due = now - mark.last_looked_at >= NOTED_EVERY
    if is_look and is_due:
        write_note(user.pk, {**noted, environment: VisitMark(now, before)})
    return before


def kept_mark(user: User, *, environment: str) -> VisitMark | None:
    visit = OverviewVisit.objects.filter(user=user, environment=environment).first()
    return VisitMark(visit.last_looked_at, visit.previous_visit_at) if visit else None


def note_of(user_id: int) -> str:
    return f"overview-visits-{user_id}"


def read_note(user_id: int) -> Marks:
    """Empty where nothing is noted, or the cache is away."""
    try:
        return {name: VisitMark(*mark) for name, mark in cache.get(note_of(user_id), {}).items()}
    except Exception as error:
        # Whatever the cache's server or its client raises: the page is shown.
        logger.warning("The visits of a person could not be read: %s", type(error).__name__)
        return {}


def write_note(user_id: int, marks: Marks) -> None:
    try:
        cache.set(note_of(user_id), {name: tuple(mark) for name, mark in marks.items()}, NOTE_SECONDS)
    except Exception as error:
        # As above.
        logger.warning("The visit of a person was not noted: %s", type(error).__name__)


def keep_visits() -> None:
    """Writes what pages noted to the database, in three queries at most. Safe to repeat."""
    people = {note_of(pk): pk for pk in User.objects.filter(is_active=True).values_list("pk", flat=True)}
    noted = {
        (people[note], environment): VisitMark(*mark)
        for note, marks in cache.get_many(people).items()
        for environment, mark in marks.items()
    }
    kept = kept_marks(user_id for user_id, _ in noted)
    changed = {place: mark for place, mark in noted.items() if kept.get(place) != mark}
    OverviewVisit.objects.bulk_create(
        [
            OverviewVisit(user_id=user_id, environment=environment, **mark._asdict())
            for (user_id, environment), mark in changed.items()
        ],
        update_conflicts=True,
        unique_fields=["user", "environment"],
        update_fields=VisitMark._fields,
    )


def kept_marks(user_ids: Iterable[int]) -> dict[tuple[int, str], VisitMark]:
    """By person and environment."""
    rows = OverviewVisit.objects.filter(user_id__in=set(user_ids))
    return {
        (user_id, environment): VisitMark(last, previous)
        for user_id, environment, last, previous in rows.values_list(
            "user_id", "environment", *VisitMark._fields
        )
    }
