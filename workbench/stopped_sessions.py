"""The sessions that stopped at a step of the funnel, newest first, a page at a time (docs/funnel.md)."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Self

from django.db.models import Q

from workbench.buckets import EPOCH
from workbench.models import FunnelStep, Session

PAGE_SIZE = 50
MICROSECOND = timedelta(microseconds=1)


class BadPlace(ValueError):
    """A place in the list that no page's link gives."""


@lru_cache(maxsize=1024)
def sources_of(stored: str) -> tuple[str, ...]:
    """The sources of a session's drafts, as `draft_sources` has them; sorted. There are few different ones."""
    try:
        return tuple(json.loads(stored)) if stored else ()
    except ValueError:
        return ()


@dataclass(frozen=True, kw_only=True)
class SessionFilter:
    """Sessions that created a draft from the source ("": any), and that used a template or did not (None: either)."""

    source: str = ""
    used_template: bool | None = None

    def matches(self, *, sources: Sequence[str], used_template: bool) -> bool:
        is_from = not self.source or self.source in sources
        return is_from and self.used_template in {None, used_template}

    def condition(self) -> Q:
        chosen = Q() if self.used_template is None else Q(template_used_at__isnull=not self.used_template)
        if not self.source:
            return chosen
        # As JSON has it, quotes included: no other source's name ends or begins with them.
        return chosen & Q(draft_sources__contains=json.dumps(self.source, ensure_ascii=False))


@dataclass(frozen=True, kw_only=True)
class SessionPlace:
    """A place in the list: after the session with this start and primary key."""

    started_at: datetime
    pk: int

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Of `str(place)`; None for "". Raises BadPlace."""
        if not text:
            return None
        found = re.fullmatch(r"([0-9]{1,17})-([0-9]{1,18})", text)
        if found is None:
            raise BadPlace("It takes what a page's link gives.")
        return cls(started_at=EPOCH + timedelta(microseconds=int(found[1])), pk=int(found[2]))

    def __str__(self) -> str:
        return f"{(self.started_at - EPOCH) // MICROSECOND}-{self.pk}"


@dataclass(frozen=True, kw_only=True)
class StoppedSession:
    """`last_step_at` is when it took the step at which it stopped."""

    session_id: str
    started_at: datetime
    last_step_at: datetime
    sources: Sequence[str]
    used_template: bool


@dataclass(frozen=True, kw_only=True)
class StoppedPage:
    """`older` leads to the next page; None where there is none."""

    sessions: Sequence[StoppedSession]
    older: SessionPlace | None


def stopped_sessions(
    step: FunnelStep,
    *,
    environment: str,
    start: datetime,
    end: datetime,
    chosen: SessionFilter,
    after: SessionPlace | None = None,
    size: int = PAGE_SIZE,
) -> StoppedPage:
    """Those that started in [start, end) and took this step and no later one. Two queries."""
    # Index: session_funnel (funnel_steps, environment, started_at, id), which has the columns of the filter too: what
    # does not match it costs no look at the table.
    keys = Session.objects.filter(
        chosen.condition(),
        funnel_steps=step,
        environment=environment,
        started_at__gte=start,
        started_at__lt=end,
    )
    if after is not None:
        # The first condition says no more than the second: it tells the database where in the index to begin.
        keys = keys.filter(started_at__lte=after.started_at).filter(
            Q(started_at__lt=after.started_at) | Q(pk__lt=after.pk)
        )
    page = list(keys.order_by("-started_at", "-pk").values_list("pk", flat=True)[: size + 1])
    rows = {row.pk: row for row in Session.objects.filter(pk__in=page[:size])}
    found = [rows[key] for key in page[:size] if key in rows]
    last = found[-1] if found and len(page) > size else None
    return StoppedPage(
        sessions=[_stopped(row, step=step) for row in found],
        older=SessionPlace(started_at=_moment(last, FunnelStep.SESSION_STARTED), pk=last.pk)
        if last
        else None,
    )


def _stopped(row: Session, *, step: FunnelStep) -> StoppedSession:
    return StoppedSession(
        session_id=row.session_id,
        started_at=_moment(row, FunnelStep.SESSION_STARTED),
        last_step_at=_moment(row, step),
        sources=sources_of(row.draft_sources),
        used_template=row.template_used_at is not None,
    )


def _moment(row: Session, step: FunnelStep) -> datetime:
    """Raises ValueError for a step that the session has not taken."""
    moment: datetime | None = getattr(row, step.column)
    if moment is None:
        raise ValueError(f"session {row.session_id} has not taken the step")
    return moment
