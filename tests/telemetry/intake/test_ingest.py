import random
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from telemetry.intake import event_keys, ingest, privacy
from telemetry.intake.ingest import IngestResult, ingest_events
from telemetry.intake.validation import Problem, ValidEvent
from telemetry.models import ApiKey, Arrival, QuarantinedEvent, RawEvent
from tests.builders import make_key
from tests.telemetry.posts import event, raw

pytestmark = pytest.mark.django_db

BAD = event(event_id="bad", source="nowhere", nodeCount=-1)


def post_events(
    *events: object, key: ApiKey, now: datetime, dry_run: bool = False
) -> tuple[int, int, int, list[tuple[Any, ...]]]:
    """(accepted, duplicates, rejected, [(index, id, status, code, field), …]) of one post."""
    result = ingest_events([raw(event) for event in events], key=key, now=now, dry_run=dry_run)
    results = [
        (entry["index"], entry["id"], entry["status"], entry["code"], entry["field"])
        for entry in result.results
    ]
    return result.accepted, result.duplicates, result.rejected, results


def table() -> list[tuple[object, ...]]:
    columns = ("event_key", "day", "environment", "source", "event", "event_id", "session_id", "occurred_at")
    return sorted(RawEvent.objects.values_list(*columns))


def test_stores_an_event_with_what_the_key_says_of_it(ingest_key: ApiKey, now: datetime) -> None:
    sent = event(event_id="e-1", at="2026-02-15T13:30:00.25+02:00", source="chat", draftId="d-1", nodeCount=3)

    assert post_events(sent, key=ingest_key, now=now) == (1, 0, 0, [])

    stored = RawEvent.objects.get()

    assert (stored.environment, stored.source) == ("production", "web")
    assert (stored.event, stored.event_id, stored.session_id) == ("workbench.draft_created", "e-1", "s-1")
    assert (stored.day, stored.occurred_at) == (
        date(2026, 2, 15),
        datetime(2026, 2, 15, 11, 30, 0, 250_000, UTC),
    )
    assert stored.properties == {"source": "chat", "draftId": "d-1", "nodeCount": 3}
    assert stored.arrival_id == Arrival.objects.get().pk


def test_an_empty_batch_stores_nothing(ingest_key: ApiKey, now: datetime) -> None:
    assert post_events(key=ingest_key, now=now) == (0, 0, 0, [])
    assert not Arrival.objects.exists()


# Duplicates -----------------------------------------------------------------------------------------------


def test_a_resend_is_a_duplicate(ingest_key: ApiKey, now: datetime) -> None:
    sent = [event(event_id="e-1"), event(event_id="e-2")]

    assert post_events(*sent, key=ingest_key, now=now) == (2, 0, 0, [])

    expected = [(0, "e-1", "duplicate", "duplicate", "id"), (1, "e-2", "duplicate", "duplicate", "id")]

    assert post_events(*sent, key=ingest_key, now=now) == (0, 2, 0, expected)
    assert RawEvent.objects.count() == 2
    assert list(Arrival.objects.order_by("id").values_list("accepted", "duplicates")) == [(2, 0), (0, 2)]


def test_the_second_of_a_batch_is_a_duplicate(ingest_key: ApiKey, now: datetime) -> None:
    sent = [event(event_id="e-1"), event(event_id="e-1", session_id="s-2"), event(event_id="e-2")]

    assert post_events(*sent, key=ingest_key, now=now) == (
        2,
        1,
        0,
        [(1, "e-1", "duplicate", "duplicate", "id")],
    )
    assert set(RawEvent.objects.values_list("event_id", "session_id")) == {("e-1", "s-1"), ("e-2", "s-1")}


def test_all_of_a_repeated_id_are_duplicates_once_it_is_stored(ingest_key: ApiKey, now: datetime) -> None:
    post_events(event(event_id="e-1"), key=ingest_key, now=now)

    answer = post_events(
        event(event_id="e-1"), event(event_id="e-1"), event(event_id="e-2"), key=ingest_key, now=now
    )

    assert answer[:3] == (1, 2, 0)
    assert [index for index, *_ in answer[3]] == [0, 1]


def test_an_event_without_id_is_a_duplicate_of_the_same_content(ingest_key: ApiKey, now: datetime) -> None:
    first = event(source="chat", draftId="d-1")
    same = {**event(draftId="d-1", source="chat"), "timestamp": "2026-02-15T12:00:00+01:00"}

    others = [
        event(source="chat", draftId="d-2"),
        event(session_id="s-2", source="chat", draftId="d-1"),
        event(at="2026-02-15T11:00:00.000001Z", source="chat", draftId="d-1"),
        event("workbench.draft_accepted", draftId="d-1", source="chat"),
    ]

    assert post_events(first, same, *others, key=ingest_key, now=now) == (
        5,
        1,
        0,
        [(1, "", "duplicate", "duplicate", "id")],
    )


def test_a_client_cannot_choose_an_id_that_meets_derived_content(ingest_key: ApiKey, now: datetime) -> None:
    good = ValidEvent("workbench.session_started", "", "s-1", now, "{}")

    content = event_keys.content_of(good, moment=now)
    by_id, by_content = event_keys.day_hashers(ingest_key, day=now.date())

    assert by_id(content) != by_content(content)


@pytest.mark.parametrize(
    ("other", "is_duplicate"),
    [
        ({}, True),
        ({"environment": "staging"}, False),
        ({"source": "api"}, False),
    ],
)
def test_a_duplicate_has_the_same_environment_and_source(
    other: dict[str, str], is_duplicate: bool, ingest_key: ApiKey, now: datetime
) -> None:
    post_events(event(event_id="e-1"), key=ingest_key, now=now)

    key = make_key(**other)

    assert post_events(event(event_id="e-1"), key=key, now=now)[1] == int(is_duplicate)


@pytest.mark.parametrize(
    ("at", "is_duplicate"),
    [
        ("2026-02-14T00:00:00Z", True),
        ("2026-02-14T23:59:59.999999Z", True),
        ("2026-02-15T00:59:59+01:00", True),
        ("2026-02-15T00:00:00Z", False),
        ("2026-02-13T23:59:59.999999Z", False),
    ],
)
def test_a_duplicate_has_the_same_utc_day(
    at: str, is_duplicate: bool, ingest_key: ApiKey, now: datetime
) -> None:
    post_events(event(event_id="e-1", at="2026-02-14T12:00:00Z"), key=ingest_key, now=now)

    assert post_events(event(event_id="e-1", at=at), key=ingest_key, now=now)[1] == int(is_duplicate)


# Rejected events ------------------------------------------------------------------------------------------


def test_a_bad_event_costs_its_neighbours_nothing(ingest_key: ApiKey, now: datetime) -> None:
    answer = post_events(event(event_id="e-1"), BAD, event(event_id="e-2"), key=ingest_key, now=now)

    assert answer == (
        2,
        0,
        1,
        [
            (1, "bad", "rejected", "not_in_enum", "properties.source"),
            (1, "bad", "rejected", "out_of_range", "properties.nodeCount"),
        ],
    )
    assert set(RawEvent.objects.values_list("event_id", flat=True)) == {"e-1", "e-2"}


def test_the_quarantine_keeps_the_event_and_all_its_errors(ingest_key: ApiKey, now: datetime) -> None:
    result = ingest_events([raw(event()), raw(BAD)], key=ingest_key, now=now)

    kept = QuarantinedEvent.objects.get()

    assert (kept.environment, kept.source, kept.received_at) == ("production", "web", now)
    assert (kept.position, kept.event, kept.event_id) == (1, "workbench.draft_created", "bad")
    assert (kept.code, kept.arrival_id) == ("not_in_enum", Arrival.objects.get().pk)
    assert kept.errors == [
        {name: entry[name] for name in ("code", "field", "message")} for entry in result.results
    ]
    assert kept.payload["event"] == "workbench.draft_created"


def test_the_arrival_counts_rejected_events_by_their_first_error(ingest_key: ApiKey, now: datetime) -> None:
    post_events(BAD, BAD, event("workbench.nothing"), 1, key=ingest_key, now=now)

    arrival = Arrival.objects.get()

    assert (arrival.accepted, arrival.duplicates) == (0, 0)
    assert arrival.rejected == {"not_in_enum": 2, "unknown_event": 1, "wrong_type": 1}
    assert (arrival.first_day, arrival.last_day) == (None, None)


def test_after_many_rejected_events_a_post_gets_the_first_problem_of_each(
    ingest_key: ApiKey, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "MAX_RESULTS", 4)

    answered = post_events(BAD, event(event_id="good"), BAD, BAD, key=ingest_key, now=now)

    enum, number = ("rejected", "not_in_enum"), ("rejected", "out_of_range")
    assert answered[:3] == (1, 0, 3)
    assert [(index, *entry) for index, _, *entry, _ in answered[3]] == [
        (index, *entry) for index in (0, 2) for entry in (enum, number)
    ]
    kept = QuarantinedEvent.objects.order_by("position").values_list("errors", "payload")
    assert [len(errors) for errors, _ in kept] == [2, 2, 1]
    assert kept[2][1] == kept[0][1]


def test_the_quarantine_keeps_the_first_rejected_events_of_a_post(
    ingest_key: ApiKey, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "MAX_QUARANTINED", 2)

    assert post_events(*[BAD] * 3, key=ingest_key, now=now)[:3] == (0, 0, 3)

    assert list(QuarantinedEvent.objects.order_by("position").values_list("position", flat=True)) == [0, 1]
    assert Arrival.objects.get().rejected == {"not_in_enum": 3}


def test_a_text_is_searched_once_though_its_event_is_checked_twice(
    ingest_key: ApiKey, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    find_secret = privacy.find_secret

    def count_and_find(text: str) -> str | None:
        searched.append(text)
        return find_secret(text)

    monkeypatch.setattr(privacy, "find_secret", count_and_find)
    # More than are remembered.
    drafts = [f"draft{number}@example.org" for number in range(100)]

    answered = post_events(
        *(event(source="chat", draftId=draft) for draft in drafts), key=ingest_key, now=now, dry_run=True
    )

    assert answered[:3] == (0, 0, 100)
    assert [text for text in searched if text in drafts] == drafts


def test_a_rejected_event_does_not_use_up_its_id(ingest_key: ApiKey, now: datetime) -> None:
    post_events(BAD, key=ingest_key, now=now)

    assert post_events(event(event_id="bad"), key=ingest_key, now=now) == (1, 0, 0, [])


def test_a_deprecated_event_is_accepted_with_a_warning(
    ingest_key: ApiKey, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    warning = Problem("deprecated", "event", "Until then.")
    good = ValidEvent("workbench.session_started", "e-1", "s-1", now, "{}", (warning,))
    monkeypatch.setattr(ingest, "find_valid", lambda raw, *, now: good)

    entry = {"index": 0, "id": "e-1", "code": "deprecated", "field": "event", "message": "Until then."}

    assert ingest_events([b""], key=ingest_key, now=now) == IngestResult(
        1, 0, 0, [{**entry, "status": "warning"}]
    )

    again = ingest_events([b""], key=ingest_key, now=now)

    assert [entry["status"] for entry in again.results] == ["warning", "duplicate"]


# Dry run, order, bookkeeping ------------------------------------------------------------------------------


def test_a_dry_run_answers_the_same_and_stores_nothing(ingest_key: ApiKey, now: datetime) -> None:
    post_events(event(event_id="e-1"), key=ingest_key, now=now)
    before = table()
    batch = [event(event_id="e-1"), event(event_id="e-2"), event(event_id="e-2"), BAD]

    dry = post_events(*batch, key=ingest_key, now=now, dry_run=True)

    assert (table(), Arrival.objects.count(), QuarantinedEvent.objects.count()) == (before, 1, 0)
    assert dry == post_events(*batch, key=ingest_key, now=now)
    assert dry[:3] == (1, 2, 1)


def test_received_is_accepted_and_duplicate_and_rejected(ingest_key: ApiKey, now: datetime) -> None:
    chance = random.Random(7)
    choices: Sequence[object] = [*(event(event_id=f"e-{number}") for number in range(20)), BAD, None]

    sizes = [chance.randint(1, 9) for _ in range(20)]

    for size in sizes:
        answer = post_events(*chance.choices(choices, k=size), key=ingest_key, now=now)
        assert sum(answer[:3]) == size

    arrivals = Arrival.objects.values_list("accepted", "duplicates", "rejected")

    assert [
        accepted + duplicates + sum(codes.values()) for accepted, duplicates, codes in arrivals.order_by("id")
    ] == sizes
    assert sum(accepted for accepted, _, _ in arrivals) == RawEvent.objects.count() == 20


def test_any_order_batching_and_resend_leave_the_same_events(now: datetime) -> None:
    sent = [event(event_id=f"e-{n}", at=now - timedelta(hours=n)) for n in range(40)]
    sent += [event(at=now - timedelta(hours=n), draftId=f"d-{n}", source="blank") for n in range(20)]
    tables = []

    for seed in (1, 2, 3):
        key = make_key()
        chance = random.Random(seed)
        posted = chance.sample(sent, k=len(sent)) + chance.choices(sent, k=30)
        while posted:
            size = chance.randint(1, 25)
            post_events(*posted[:size], key=key, now=now)
            posted = posted[size:]
        tables.append(table())
        RawEvent.objects.all().delete()

    assert tables[0] == tables[1] == tables[2]
    assert len(tables[0]) == 60


def test_the_event_key_is_the_same_for_ever(ingest_key: ApiKey, now: datetime) -> None:
    post_events(event(event_id="e-1", at="2026-02-15T11:00:00Z"), key=ingest_key, now=now)

    # A change here makes every resend of a client's queue count twice on the day of the upgrade.
    assert RawEvent.objects.get().event_key == uuid.UUID("71d9042b-7e03-fab7-127c-3e8fa5742956")
