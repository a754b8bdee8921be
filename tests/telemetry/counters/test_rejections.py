from collections import Counter
from datetime import datetime, timedelta

import pytest

from telemetry.counters import rejections
from telemetry.intake.ingest import MAX_KINDS, OTHER_EVENTS, ingest_events, kinds_of
from telemetry.intake.validation import Problem, RejectedEvent
from telemetry.models import ApiKey, Arrival, QuarantinedEvent, RejectionGroup, RejectionHour
from telemetry.plan.codes import RejectionCode
from tests.builders import MOMENT, NOW, make_key, store, table
from tests.telemetry.posts import event, raw
from workbench.fold import pending

GROUP = ("environment", "source", "code", "event", "client", "events", "first_seen_at", "last_seen_at")
HOUR = timedelta(hours=1)


@pytest.fixture
def key(db: None) -> ApiKey:
    return make_key()


def reject(key: ApiKey, *kinds: tuple[str, str, int], at: datetime = MOMENT, client: str = "") -> None:
    codes: Counter[str] = Counter()
    for code, _, events in kinds:
        codes[code] += events
    arrival = store(key=key, received_at=at, rejected=dict(codes), rejected_kinds=kinds)
    Arrival.objects.filter(pk=arrival.pk).update(client=client)


def groups() -> list[tuple[object, ...]]:
    return table(RejectionGroup, "code", "event", "client", "events")


def test_groups_add_up_by_code_event_source_and_client(key: ApiKey) -> None:
    reject(key, ("bad_id", "a.x", 2), at=MOMENT + HOUR, client="app/1")
    reject(key, ("bad_id", "a.x", 3), ("too_long", "a.x", 1), client="app/1")
    pending.fold_pending(now=NOW)
    reject(key, ("bad_id", "a.x", 4), at=MOMENT + 2 * HOUR, client="app/2")
    reject(key, ("bad_id", "a.x", 5), at=MOMENT + 2 * HOUR, client="app/1")
    pending.fold_pending(now=NOW)

    assert table(RejectionGroup, *GROUP) == [
        ("production", "web", "bad_id", "a.x", "app/1", 10, MOMENT, MOMENT + 2 * HOUR),
        ("production", "web", "bad_id", "a.x", "app/2", 4, MOMENT + 2 * HOUR, MOMENT + 2 * HOUR),
        ("production", "web", "too_long", "a.x", "app/1", 1, MOMENT, MOMENT),
    ]
    assert table(RejectionHour, "hour", "code", "events") == [
        (MOMENT, "bad_id", 3),
        (MOMENT, "too_long", 1),
        (MOMENT + HOUR, "bad_id", 2),
        (MOMENT + 2 * HOUR, "bad_id", 9),
    ]


def test_groups_equal_the_quarantine(key: ApiKey) -> None:
    documents = [event("workbench.nothing"), event(draftId="a b"), event(), event("workbench.nothing")]
    for number in range(3):
        ingest_events([raw(document) for document in documents], key=key, now=NOW, client=f"app/{number % 2}")
    pending.fold_pending(now=NOW)

    kept = Counter(QuarantinedEvent.objects.values_list("code", "event", "client"))

    assert {(code, name, client): events for code, name, client, events in groups()} == kept
    assert sum(kept.values()) == 9


def test_an_arrival_of_an_earlier_version_counts_by_its_codes(key: ApiKey) -> None:
    store(key=key, rejected={"bad_id": 2})

    pending.fold_pending(now=NOW)

    assert groups() == [("bad_id", OTHER_EVENTS, "", 2)]


def test_past_its_budget_a_source_has_one_group_more_for_each_code(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejections, "GROUPS_PER_SOURCE", 2)
    reject(key, *(("bad_id", f"a.{number}", 1) for number in range(5)), client="app/1")
    pending.fold_pending(now=NOW)
    reject(key, ("bad_id", "a.0", 1), ("bad_id", "a.9", 1), ("too_long", "a.9", 1), client="app/1")
    reject(make_key(source="other"), ("bad_id", "a.9", 1))
    pending.fold_pending(now=NOW)

    assert groups() == [
        ("bad_id", "a.0", "app/1", 2),
        ("bad_id", "a.1", "app/1", 1),
        ("bad_id", "a.9", "", 1),
        ("bad_id", OTHER_EVENTS, "", 4),
        ("too_long", OTHER_EVENTS, "", 1),
    ]


@pytest.mark.parametrize(
    ("names", "kinds"), [(MAX_KINDS, MAX_KINDS), (MAX_KINDS + 1, MAX_KINDS + 1), (2500, MAX_KINDS + 1)]
)
def test_a_post_counts_so_many_names_and_all_of_its_events(names: int, kinds: int) -> None:
    problems = (Problem(RejectionCode.UNKNOWN_EVENT, "event", ""),)
    rejected = [RejectedEvent(f"workbench.n{number}", "", problems, {}) for number in range(names)]

    found = kinds_of(rejected)

    assert (len(found), sum(events for _, _, events in found)) == (kinds, names)
