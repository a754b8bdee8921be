"""However often and whenever a client sends an event: it is stored once, with the time of its first copy.

The model keeps a dict by the client's id. It knows the protocols' rules of time, and nothing of days or keys.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from telemetry.door.protocols import cloudevents, posthog, segment
from telemetry.door.protocols.messages import Translation
from telemetry.intake.erased import refused_subjects
from telemetry.intake.ingest import IngestResult, ingest_events
from telemetry.lifecycle.partitions import ensure_partitions
from telemetry.models import ApiKey, RawEvent
from tests.builders import make_key
from tests.telemetry.door.protocols.test_views import CLOUDEVENT, POSTHOG, SEGMENT
from tests.telemetry.posts import event
from tests.threads import run_together

LATE_DAYS = 3
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)

Message = dict[str, Any]


@pytest.fixture(autouse=True)
def _short_late_window(settings: Settings) -> None:
    settings.LATE_WINDOW_DAYS = LATE_DAYS


# The protocols --------------------------------------------------------------------------------------------


def own_message(name: str, *, timestamp: str | None) -> Message:
    return event(event_id=name, at=timestamp or "", source="chat")


def segment_message(name: str, *, timestamp: str | None) -> Message:
    return {**SEGMENT, "messageId": name, "timestamp": timestamp}


def posthog_message(name: str, *, timestamp: str | None) -> Message:
    return {**POSTHOG, "uuid": name, "timestamp": timestamp}


def cloudevent_message(name: str, *, timestamp: str | None) -> Message:
    message = {**CLOUDEVENT, "id": name, "time": timestamp}
    return message if timestamp else {key: value for key, value in message.items() if key != "time"}


def raw_list(messages: list[Message]) -> list[msgspec.Raw]:
    return [msgspec.Raw(json.dumps(message).encode()) for message in messages]


def translate_own(messages: list[Message], *, sent_at: str, now: datetime) -> Translation:
    return Translation(list(raw_list(messages)))


def translate_segment(messages: list[Message], *, sent_at: str, now: datetime) -> Translation:
    body = {"batch": messages, "sentAt": sent_at}
    return segment.translate(json.dumps(body).encode(), call=segment.BATCH, now=now)


def translate_posthog(messages: list[Message], *, sent_at: str, now: datetime) -> Translation:
    body = {"batch": messages, "sent_at": sent_at}
    return posthog.translate(json.dumps(body).encode(), now=now)


def translate_cloudevents(messages: list[Message], *, sent_at: str, now: datetime) -> Translation:
    return cloudevents.translate(raw_list(messages), now=now)


@dataclass(frozen=True)
class Protocol:
    message: Callable[..., Message]
    translate: Callable[..., Translation]
    corrects_clocks: bool = True
    needs_timestamp: bool = False


PROTOCOLS = {
    "own door": Protocol(own_message, translate_own, corrects_clocks=False, needs_timestamp=True),
    "segment": Protocol(segment_message, translate_segment),
    "posthog": Protocol(posthog_message, translate_posthog),
    "cloudevents": Protocol(cloudevent_message, translate_cloudevents, corrects_clocks=False),
}


def deliver(
    protocol: Protocol, messages: list[Message], *, sent_at: datetime, now: datetime, key: ApiKey
) -> IngestResult:
    translation = protocol.translate(messages, sent_at=sent_at.isoformat(), now=now)
    return ingest_events(
        translation.events,
        key=key,
        now=now,
        origins=translation.origins,
        sent_moments=translation.sent_moments,
    )


def moments(key: ApiKey) -> list[tuple[str, datetime]]:
    return sorted(RawEvent.objects.filter(source=key.source).values_list("event_id", "occurred_at"))


# Single cases ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["segment", "posthog"])
def test_a_resend_whose_correction_crosses_midnight_is_a_duplicate(name: str, ingest_key: ApiKey) -> None:
    protocol = PROTOCOLS[name]
    sent_at = MIDNIGHT - timedelta(seconds=2)
    message = protocol.message("e-1", timestamp="2026-02-28T23:59:57Z")

    first = deliver(protocol, [message], sent_at=sent_at, now=sent_at, key=ingest_key)
    again = deliver(protocol, [message], sent_at=sent_at, now=sent_at + timedelta(seconds=8), key=ingest_key)

    assert (first.accepted, again.accepted, again.duplicates) == (1, 0, 1)
    assert moments(ingest_key) == [("e-1", MIDNIGHT - timedelta(seconds=3))]


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["segment", "posthog", "cloudevents"])
def test_an_event_without_a_time_is_known_by_its_id_on_every_day(name: str, ingest_key: ApiKey) -> None:
    protocol = PROTOCOLS[name]
    message = protocol.message("e-1", timestamp=None)

    answers = [
        deliver(protocol, [message], sent_at=now, now=now, key=ingest_key).accepted
        for now in (MIDNIGHT - timedelta(seconds=1), MIDNIGHT, MIDNIGHT + timedelta(days=LATE_DAYS))
    ]

    assert answers == [1, 0, 0]


@pytest.mark.django_db
def test_a_dry_run_knows_a_copy_of_another_day(ingest_key: ApiKey) -> None:
    protocol = PROTOCOLS["cloudevents"]
    message = protocol.message("e-1", timestamp=None)
    deliver(protocol, [message], sent_at=MIDNIGHT, now=MIDNIGHT, key=ingest_key)
    later = MIDNIGHT + timedelta(days=1)

    translation = protocol.translate([message], sent_at="", now=later)
    result = ingest_events(
        translation.events,
        key=ingest_key,
        now=later,
        dry_run=True,
        origins=translation.origins,
        sent_moments=translation.sent_moments,
    )

    assert (result.accepted, result.duplicates) == (0, 1)


@pytest.mark.django_db
def test_an_event_without_id_is_known_by_the_timestamp_as_sent(ingest_key: ApiKey) -> None:
    message = segment_message("", timestamp="2026-02-28T23:59:57Z") | {"messageId": None}
    sent_at = MIDNIGHT - timedelta(seconds=2)

    answers = [
        deliver(PROTOCOLS["segment"], [message], sent_at=sent_at, now=now, key=ingest_key).accepted
        for now in (sent_at, MIDNIGHT + timedelta(minutes=1))
    ]

    assert answers == [1, 0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days_ahead", "stored_days_ahead"),
    [(-3, 0), (-2, 0), (-1, -1), (0, 0), (1, 1), (2, 2), (LATE_DAYS + 1, LATE_DAYS + 1), (LATE_DAYS + 2, 0)],
)
def test_a_near_day_as_sent_is_the_partition(
    days_ahead: int, stored_days_ahead: int, ingest_key: ApiKey
) -> None:
    noon = MIDNIGHT + timedelta(hours=12)
    sent_at = noon + timedelta(days=days_ahead)
    message = segment_message("e-1", timestamp=sent_at.isoformat())

    deliver(PROTOCOLS["segment"], [message], sent_at=sent_at, now=noon, key=ingest_key)

    row = RawEvent.objects.get()
    assert (row.occurred_at, row.day) == (noon, (noon + timedelta(days=stored_days_ahead)).date())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("timestamp", [None, "2026-02-27T23:59:57Z"])
def test_copies_that_arrive_at_once_on_both_sides_of_midnight_are_stored_once(timestamp: str | None) -> None:
    key = make_key()
    answers = []

    def post(now: datetime) -> Callable[[], None]:
        def run() -> None:
            messages = [segment_message(f"e-{number}", timestamp=timestamp) for number in range(20)]
            result = deliver(PROTOCOLS["segment"], messages, sent_at=MIDNIGHT, now=now, key=key)
            answers.append(result.accepted)

        return run

    days = (0, 1, 0, 1)

    assert run_together(*(post(MIDNIGHT + timedelta(seconds=9, days=day)) for day in days)) == []
    assert sorted(answers) == [0, 0, 0, 20]
    assert RawEvent.objects.count() == 20


@pytest.mark.django_db
def test_own_posts_search_no_other_day(
    ingest_key: ApiKey, django_assert_num_queries: Callable[[int], Any]
) -> None:
    message = own_message("e-1", timestamp="2026-02-28T23:59:57Z")
    queries = 1 if connection.vendor == "postgresql" else 5
    # A process asks for erased subjects once a second.
    refused_subjects(ingest_key.environment_id)

    with django_assert_num_queries(queries):
        deliver(PROTOCOLS["own door"], [message], sent_at=MIDNIGHT, now=MIDNIGHT, key=ingest_key)


# Generated deliveries -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Delivery:
    """Some of the client's messages (by number), on their way at the client's clock + `skew`."""

    numbers: list[int]
    sent_at: datetime
    received_at: datetime


@dataclass(frozen=True)
class Story:
    timestamps: list[datetime | None]
    deliveries: list[Delivery]


seconds = st.sampled_from([0, 0.001, 1, 4.9, 5, 5.1, 8, 60, 599, 600, 601, 3600, 43_200])
days = st.integers(0, LATE_DAYS).map(lambda count: count * 86_400)
spans = st.one_of(seconds, days, st.builds(lambda a, b: a + b, seconds, days))
signed = st.builds(lambda span, sign: timedelta(seconds=span * sign), spans, st.sampled_from([-1, 1]))
skews = st.one_of(
    st.just(timedelta(0)), signed, st.integers(-400, 400).map(lambda count: timedelta(days=count))
)
near_midnight = st.builds(
    lambda day, offset: MIDNIGHT + timedelta(days=day) + offset, st.integers(-1, 1), signed
)


@st.composite
def stories(draw: Callable[..., Any]) -> Story:
    """A client with a clock that may be wrong and may be set anew; what it sends, and when that arrives."""
    skew = draw(skews)
    truths = draw(st.lists(near_midnight, min_size=1, max_size=3))
    timestamps = [None if draw(st.integers(0, 5)) == 0 else truth + skew for truth in truths]
    now = max(truths)
    sent_at = now + skew
    latest = now + timedelta(days=LATE_DAYS)
    deliveries = []
    for _ in range(draw(st.integers(1, 5))):
        # A delay that brings the clock as it was to the clock as it is makes the correction vanish.
        delay = draw(st.one_of(spans.map(lambda span: timedelta(seconds=span)), st.just(abs(skew))))
        now = min(now + delay, latest)
        if draw(st.booleans()):
            sent_at = now + (draw(skews) if draw(st.booleans()) else skew)
        numbers = draw(st.lists(st.integers(0, len(truths) - 1), min_size=1, max_size=4))
        deliveries.append(Delivery(numbers, sent_at=sent_at, received_at=now))
    return Story(timestamps, deliveries)


def expected(protocol: Protocol, story: Story) -> list[tuple[str, datetime]]:
    """Each id once, with the time of the first copy that is neither too old nor in the future."""
    first: dict[str, datetime] = {}
    for delivery in story.deliveries:
        now = delivery.received_at
        correction = now - delivery.sent_at
        for number in delivery.numbers:
            timestamp = story.timestamps[number]
            if timestamp is None and protocol.needs_timestamp:
                continue
            moment = timestamp or now
            if timestamp and protocol.corrects_clocks and abs(correction) > timedelta(seconds=5):
                moment += correction
            if now - timedelta(days=LATE_DAYS) <= moment <= now + timedelta(minutes=10):
                first.setdefault(f"e-{number}", moment)
    return sorted(first.items())


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def check_story(protocol: Protocol, story: Story) -> None:
    key = make_key()
    messages = [
        protocol.message(f"e-{number}", timestamp=timestamp and timestamp.isoformat())
        for number, timestamp in enumerate(story.timestamps)
    ]
    for delivery in story.deliveries:
        deliver(
            protocol,
            [messages[number] for number in delivery.numbers],
            sent_at=delivery.sent_at,
            now=delivery.received_at,
            key=key,
        )
    assert moments(key) == expected(protocol, story)


@pytest.mark.django_db
@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_event_is_stored_once_with_one_time(name: str) -> None:
    ensure_partitions(today=MIDNIGHT.date())

    @hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(story=stories())
    def check(story: Story) -> None:
        with undone():
            check_story(PROTOCOLS[name], story)

    check()
