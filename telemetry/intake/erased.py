"""Which subjects were erased: the door refuses their later events, and the fold removes those that got in.

A subject is a user, session, draft or run of one environment. Only a keyed hash of it is kept.
"""

import hmac
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max

from telemetry.intake.problems import Problem
from telemetry.intake.validation import RejectedEvent, ValidEvent
from telemetry.models import (
    ErasedSubject,
    Erasure,
    ErasureState,
    ErasureThing,
    LaterEvents,
    SubjectKind,
)
from telemetry.plan import get_plan
from telemetry.plan.codes import RejectionCode

SALT = b"telemetry.intake.erased"
# Ids commit out of order, so the newest id alone does not say that the list is complete. The fold finds the rest.
RELOAD_SECONDS = 60
# A later session of an erased user may have sent events before it named the user. One search finds those of all
# the sessions that came up in this time.
FOLLOW_UP_AFTER = timedelta(minutes=10)
# A subject's kind and what it is named: an id, or the keyed hash of a person.
Subject = tuple[str, str]


def digest_of(*, environment: str, kind: str, subject: str) -> str:
    """The keyed hash (BLAKE2b, 32 hexadecimal digits) by which a subject of an environment is known."""
    text = f"{environment}\0{kind}\0{subject}".encode("utf-8", "surrogatepass")
    return blake2b(text, key=_key(settings.SECRET_KEY), digest_size=16).hexdigest()


@lru_cache(maxsize=1)
def _key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), SALT, "sha256")


@dataclass(frozen=True)
class ErasedSubjects:
    """The erased subjects of an environment, as digests by kind."""

    environment: str
    digests: Mapping[str, frozenset[str]]

    def __contains__(self, subject: Subject) -> bool:
        kind, name = subject
        digests = self.digests.get(kind)
        return digests is not None and self._digest(kind, name) in digests

    def _digest(self, kind: str, name: str) -> str:
        return digest_of(environment=self.environment, kind=kind, subject=name)


def refused_subjects(environment: str) -> ErasedSubjects | None:
    """The subjects whose events the door refuses; None where there are none. It may be one second old."""
    second = int(time.monotonic())
    newest = _newest_refused(environment, second)
    return None if newest is None else _refused_up_to(environment, newest, second // RELOAD_SECONDS)


@lru_cache(maxsize=64)
def _newest_refused(environment: str, second: int) -> int | None:
    rows = ErasedSubject.objects.filter(environment=environment, later_events=LaterEvents.REFUSE)
    newest: int | None = rows.aggregate(newest=Max("pk"))["newest"]
    return newest


@lru_cache(maxsize=16)
def _refused_up_to(environment: str, newest: int, minute: int) -> ErasedSubjects:
    return read_subjects(environment, later_events=(LaterEvents.REFUSE,))


def forget_cached() -> None:
    """Have this process read the list again at the next event."""
    _newest_refused.cache_clear()
    _refused_up_to.cache_clear()
    _erased_at.cache_clear()


def read_subjects(environment: str, *, later_events: Sequence[str] = LaterEvents.values) -> ErasedSubjects:
    """The erased subjects as they are stored now."""
    rows = ErasedSubject.objects.filter(environment=environment, later_events__in=later_events)
    digests: dict[str, set[str]] = {}
    for kind, digest in rows.values_list("kind", "digest"):
        digests.setdefault(kind, set()).add(digest)
    return ErasedSubjects(environment, {kind: frozenset(values) for kind, values in digests.items()})


def erased_now(environment: str) -> ErasedSubjects | None:
    """All erased subjects as they are stored now; None where there are none."""
    version = ErasedSubject.objects.filter(environment=environment).aggregate(Max("pk"), Count("pk"))
    return _erased_at(environment, tuple(version.values())) if version["pk__count"] else None


# A list changes seldom, and may have a row for each session of every erased user.
@lru_cache(maxsize=16)
def _erased_at(environment: str, version: tuple[int, int]) -> ErasedSubjects:
    return read_subjects(environment)


def subject_properties() -> dict[str, str]:
    """The properties that name a subject, and its kind. Every pseudonymised property names a person."""
    persons = dict.fromkeys(sorted(get_plan().pseudonymised), SubjectKind.USER.value)
    return {**persons, "draftId": SubjectKind.DRAFT.value, "runId": SubjectKind.RUN.value}


def refuse_erased(
    events: list[ValidEvent | RejectedEvent], *, environment: str
) -> list[ValidEvent | RejectedEvent]:
    """The events, of which those of an erased subject are rejected. Of these nothing is kept, not even redacted."""
    refused = refused_subjects(environment)
    if refused is None:
        return events
    kinds = subject_properties()
    return [_refused(event, refused, kinds) for event in events]


def _refused(
    event: ValidEvent | RejectedEvent, refused: ErasedSubjects, kinds: Mapping[str, str]
) -> ValidEvent | RejectedEvent:
    if isinstance(event, RejectedEvent):
        if not any(text in refused for text in subjects_in(event.payload)):
            return event
        # A digest of another subject could stand in the errors' fields, so only the codes stay.
        problems = tuple(Problem(problem.code, "", "Its subject was erased.") for problem in event.problems)
        return RejectedEvent(event.event, event.event_id, problems, {}, is_kept=False)
    field = _erased_field(event, refused, kinds)
    if field is None:
        return event
    problem = Problem(RejectionCode.BAD_ID, field, "This id was erased. Its events are refused.")
    return RejectedEvent(event.event, event.event_id, (problem,), {}, is_kept=False)


def _erased_field(event: ValidEvent, refused: ErasedSubjects, kinds: Mapping[str, str]) -> str | None:
    if (SubjectKind.SESSION.value, event.session_id) in refused:
        return "sessionId"
    properties = msgspec.json.decode(event.properties)
    for name, kind in kinds.items():
        if name in properties and (kind, properties[name]) in refused:
            return f"properties.{name}"
    return None


def subjects_in(value: object) -> Iterator[Subject]:
    """Every text in a redacted payload, as each kind of subject that it could name."""
    for text in texts_in(value):
        for kind in SubjectKind.values:
            yield kind, text


def texts_in(value: object) -> Iterator[str]:
    """The texts of a JSON value, nested ones too."""
    pending: list[object] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, list):
            pending += item


def remember(*, environment: str, subjects: Iterable[Subject], later_events: str) -> None:
    """Put subjects on the list, or change what becomes of their later events. Safe to repeat."""
    ErasedSubject.objects.bulk_create(
        [
            ErasedSubject(
                environment=environment,
                kind=kind,
                digest=digest_of(environment=environment, kind=kind, subject=name),
                later_events=later_events,
            )
            for kind, name in sorted(set(subjects))
        ],
        update_conflicts=True,
        update_fields=["later_events"],
        unique_fields=["digest", "kind", "environment"],
        batch_size=2000,
    )
    forget_cached()


def follow_up(*, environment: str, user: str, sessions: Iterable[str], now: datetime) -> None:
    """Erase new sessions of an erased user too: their later events from now on, their earlier ones soon.

    Safe to repeat: a session that is on the list already is left alone.
    """
    known = read_subjects(environment)
    new = [session for session in sessions if (SubjectKind.SESSION.value, session) not in known]
    digest = digest_of(environment=environment, kind=SubjectKind.USER, subject=user)
    erasures = Erasure.objects.filter(environment=environment, kind=SubjectKind.USER, digest=digest)
    # The newest that was confirmed says how.
    last = erasures.exclude(state__in=(ErasureState.PREVIEWING, ErasureState.PREVIEWED)).last()
    if not new or last is None:
        return
    with transaction.atomic():
        waiting = erasures.filter(state=ErasureState.WAITING).last()
        if waiting is None:
            waiting = Erasure.objects.create(
                environment_id=environment,
                kind=SubjectKind.USER,
                digest=digest,
                working_id=user,
                mode=last.mode,
                later_events=last.later_events,
                state=ErasureState.WAITING,
                requested_by=f"later events, after erasure {last.pk}"[:150],
                requested_at=now,
                not_before=now + FOLLOW_UP_AFTER,
            )
        ErasureThing.objects.bulk_create(
            [ErasureThing(erasure=waiting, kind=SubjectKind.SESSION, thing_id=session) for session in new],
            ignore_conflicts=True,
        )
        remember(
            environment=environment,
            subjects=[(SubjectKind.SESSION.value, session) for session in new],
            later_events=last.later_events,
        )
