"""Removes the events of erased subjects from a batch before they count anywhere."""

from collections.abc import Sequence
from datetime import datetime

from telemetry.intake.erased import (
    ErasedSubjects,
    erased_now,
    follow_up,
    subject_properties,
    subjects_in,
)
from telemetry.lifecycle.erasure import delete_events
from telemetry.models import QuarantinedEvent, RawEvent, SubjectKind
from workbench.fold.batch import PendingArrival
from workbench.models import LinkKind, SessionLink


def remove_erased(*, environment: str, arrivals: Sequence[PendingArrival], now: datetime) -> None:
    """Delete what erased subjects sent with these arrivals, in the transaction that folds them.

    The door refuses such events too, if asked to, but may learn of an erasure a moment later.
    """
    erased = erased_now(environment)
    if erased is None:
        return
    ids = [arrival.id for arrival in arrivals]
    events = _events_of(arrivals)
    sessions = _sessions_of_users(environment, events, erased=erased)
    named = [event for event in events if event.session_id in sessions or is_erased(event, erased)]
    delete_events(named)
    quarantined = QuarantinedEvent.objects.filter(arrival_id__in=ids).values_list("pk", "payload")
    found = [
        pk
        for pk, payload in quarantined
        if any(subject in erased or subject[1] in sessions for subject in subjects_in(payload))
    ]
    QuarantinedEvent.objects.filter(pk__in=found).delete()
    for user in set(sessions.values()):
        own = [session for session, owner in sessions.items() if owner == user]
        follow_up(environment=environment, user=user, sessions=own, now=now)


def _events_of(arrivals: Sequence[PendingArrival]) -> list[RawEvent]:
    days = [day for arrival in arrivals for day in (arrival.first_day, arrival.last_day) if day]
    if not days:
        return []
    # The days choose PostgreSQL's partitions. Index: raw_event_arrival (arrival_id).
    of_arrivals = RawEvent.objects.filter(
        day__range=(min(days), max(days)), arrival_id__in=[arrival.id for arrival in arrivals]
    )
    return list(of_arrivals.only("event_key", "environment", "day", "event", "session_id", "properties"))


def is_erased(event: RawEvent, erased: ErasedSubjects) -> bool:
    """Whether the event names an erased subject, or is in an erased session."""
    if (SubjectKind.SESSION.value, event.session_id) in erased:
        return True
    return any(
        name in event.properties and (kind, event.properties[name]) in erased
        for name, kind in subject_properties().items()
    )


def _sessions_of_users(
    environment: str, events: Sequence[RawEvent], *, erased: ErasedSubjects
) -> dict[str, str]:
    """Sessions that came up with an erased user, who is their only one: session to user."""
    users: dict[str, set[str]] = {}
    for event in events:
        if user := event.properties.get("userId"):
            users.setdefault(event.session_id, set()).add(user)
    single = {session: next(iter(named)) for session, named in users.items() if len(named) == 1}
    own = {session: user for session, user in single.items() if (SubjectKind.USER.value, user) in erased}
    # Index: session_link_session (session_id, environment).
    links = SessionLink.objects.filter(environment=environment, kind=LinkKind.USER, session_id__in=list(own))
    others = {
        session for session, user in links.values_list("session_id", "thing_id") if user != own[session]
    }
    return {session: user for session, user in own.items() if session not in others}
