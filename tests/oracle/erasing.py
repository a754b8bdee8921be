"""Erasures as the tests drive them, and which posts are a subject's: written from docs/privacy.md alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from django.apps import apps
from django.db.models import CharField, TextField

from telemetry.intake.erased import forget_cached
from telemetry.intake.privacy import pseudonymise
from telemetry.lifecycle.erasure import ErasureRequest, confirm, request_erasure
from telemetry.models import Erasure, ErasureMode, LaterEvents, QuarantinedEvent, RawEvent
from tests.oracle.compute import AcceptedEvent, Post, first_of_each
from workbench.erasure import steps

ENDS_OF_SESSIONS = ("workbench.session_started", "workbench.session_ended")
IDS_OF_THINGS = ("draftId", "runId", "agentRunId", "approvalId")
PERSONS = ("userId", "approverId")
Told = TypeVar("Told", Post, AcceptedEvent)


class Speech(NamedTuple):
    """What an event says of subjects, as it was posted or as it is stored."""

    session_id: str
    event: str
    properties: Mapping[str, Any]


def speech_of(told: Post | AcceptedEvent) -> Speech:
    if isinstance(told, AcceptedEvent):
        return Speech(told.session_id, told.event, told.properties)
    return Speech(told.document["sessionId"], told.document["event"], told.document["properties"])


@dataclass(frozen=True)
class SubjectOfPosts:
    """A subject by its raw id."""

    environment: str
    kind: str
    name: str

    @property
    def stored_name(self) -> str:
        """The id as the tables hold it."""
        return pseudonymise(self.name) if self.kind == "user" else self.name

    def posts_in(self, posts: Iterable[Post]) -> list[Post]:
        """The posts that are the subject's."""
        return self.own(first_of_each(posts), name=self.name)

    def events_in(self, events: Iterable[AcceptedEvent]) -> list[AcceptedEvent]:
        """The stored events that are the subject's."""
        return self.own(events, name=self.stored_name)

    def own(self, told: Iterable[Told], *, name: str) -> list[Told]:
        here = [item for item in told if item.environment == self.environment]
        whole = sessions_of(name, map(speech_of, here)) if self.kind == "user" else set()
        return [
            item
            for item in here
            if self.is_named(speech_of(item), name=name) or speech_of(item).session_id in whole
        ]

    def is_named(self, speech: Speech, *, name: str) -> bool:
        match self.kind:
            case "user":
                return any(speech.properties.get(person) == name for person in PERSONS)
            case "session":
                return speech.session_id == name
        return bool(speech.properties.get(f"{self.kind}Id") == name)

    def stands_alone_in(self, events: Sequence[AcceptedEvent]) -> bool:
        """Whether the subject is a user or session all of whose sessions and things nobody else speaks of."""
        own = self.events_in(events)
        sessions = {event.session_id for event in own}
        others = [event for event in events if event.environment == self.environment and event not in own]
        is_whole = self.kind in {"user", "session"} and sessions.isdisjoint(
            event.session_id for event in others
        )
        return is_whole and ids_in(own).isdisjoint(ids_in(others))

    def rest_of(self, posts: Sequence[Post]) -> list[Post]:
        """The posts that are not the subject's."""
        mine = self.posts_in(posts)
        return [post for post in first_of_each(posts) if post not in mine]


def sessions_of(user: str, told: Iterable[Speech]) -> set[str]:
    """The sessions that named this user and no other."""
    users: dict[str, set[str]] = {}
    for speech in told:
        if speech.event in ENDS_OF_SESSIONS and "userId" in speech.properties:
            users.setdefault(speech.session_id, set()).add(speech.properties["userId"])
    return {session for session, named in users.items() if named == {user}}


def ids_in(events: Iterable[AcceptedEvent]) -> set[tuple[str, str]]:
    return {
        (name, event.properties[name])
        for event in events
        for name in IDS_OF_THINGS
        if event.properties.get(name)
    }


def traces_of(subject: SubjectOfPosts) -> list[str]:
    """Where the tables still name the subject: table and column."""
    found = [
        f"{model.__name__}.{field.name}"
        for model in [*apps.get_app_config("workbench").get_models(), RawEvent]
        for field in model._meta.fields
        if isinstance(field, CharField | TextField)
        and field.name != "environment"
        and model._default_manager.filter(
            environment=subject.environment, **{field.name: subject.stored_name}
        ).exists()
    ]
    documents = (
        *RawEvent.objects.filter(environment=subject.environment).values_list("properties", flat=True),
        *QuarantinedEvent.objects.filter(environment=subject.environment).values_list("payload", flat=True),
    )
    return found + [str(document) for document in documents if is_in(document, subject)]


def is_in(document: Mapping[str, Any], subject: SubjectOfPosts) -> bool:
    """Whether a stored event names the subject, or a rejected one as the kind of subject that it is."""
    name, key = subject.stored_name, f"{subject.kind}Id"
    properties = document.get("properties", document)
    keys = PERSONS if subject.kind == "user" else (key,)
    return document.get(key) == name or any(properties.get(key) == name for key in keys)


def erase(
    subject: SubjectOfPosts,
    *,
    now: datetime,
    mode: str = ErasureMode.REMOVE,
    later_events: str = LaterEvents.REFUSE,
) -> Erasure:
    """Preview, confirm and run an erasure to its end."""
    erasure = begin(subject, now=now, mode=mode, later_events=later_events)
    steps.run_to_end(erasure, now=now)
    forget_cached()
    return erasure


def begin(subject: SubjectOfPosts, *, now: datetime, mode: str, later_events: str) -> Erasure:
    """Preview and confirm an erasure: nothing is erased yet."""
    request = ErasureRequest(
        environment=subject.environment,
        kind=subject.kind,
        subject=subject.name,
        mode=mode,
        later_events=later_events,
    )
    erasure = request_erasure(request, requested_by="test", now=now)
    steps.run_to_end(erasure, now=now)
    confirm(erasure)
    return erasure
