"""Whatever the portal does: what was tracked is stored exactly once, or reported as dropped; never twice."""

import time

import pytest
from workbench_analytics import Backoff

from tests.clients.python import scripted_portal as portals
from tests.clients.python.scripted_portal import fail


def track(client, count, *, first=0):
    return [
        client.workbench.draft_created(session_id="s-1", source="chat", draft_id=f"d-{first + number}")
        for number in range(count)
    ]


@pytest.mark.parametrize(
    "acts",
    [
        pytest.param([fail(500)], id="500"),
        pytest.param([fail(500)] * 5, id="500 for a while"),
        pytest.param([fail(502), fail(504), fail(408)], id="gateways"),
        pytest.param([fail(503, Retry_After="0.05")], id="503 with Retry-After"),
        pytest.param([fail(503)], id="503 without Retry-After"),
        pytest.param([fail(429, Retry_After="0.05")], id="429"),
        pytest.param([fail(404)], id="an address that is not there yet"),
        pytest.param([fail(302, Location="/login")], id="redirected"),
        pytest.param([portals.hang], id="hangs"),
        pytest.param([portals.reset], id="resets"),
        pytest.param([portals.lose_answer], id="answer lost after storing"),
        pytest.param([portals.lose_answer] * 3, id="answer lost thrice"),
        pytest.param([portals.cut_answer_short], id="answer cut short after storing"),
        pytest.param([portals.answer_as_proxy], id="a proxy's page with 200"),
        pytest.param([portals.refuse_more_than(3)], id="413 above 3 events"),
        pytest.param([portals.lose_answer, fail(500), portals.reset, portals.hang], id="one after another"),
    ],
)
def test_stores_each_event_once_when_the_portal(acts, portal, make_client):
    dropped = []
    timeout = 0.2 if portals.hang in acts else 5
    client = make_client(on_dropped=dropped.append, timeout_seconds=timeout)
    portal.acts.extend(acts)

    ids = track(client, 20)

    assert client.flush(10)
    assert sorted(portal.stored) == sorted(ids)
    assert dropped == []
    assert client.counts._replace(accepted=0, duplicates=0) == (20, 0, 0, 0, 0, 0)
    assert client.counts.accepted + client.counts.duplicates == 20


def test_sends_what_was_answered_never_again(portal, make_client):
    client = make_client(batch_events=5, flush_seconds=60)
    portal.acts.extend([portals.store, fail(500), portals.store])

    ids = track(client, 10)

    assert client.flush(10)
    assert sorted(portal.seen.values()) == [1] * 5 + [2] * 5
    assert sorted(portal.stored) == sorted(ids)


def test_sends_the_same_bytes_again(portal, make_client):
    client = make_client(flush_seconds=60)
    portal.acts.append(portals.lose_answer)

    track(client, 3)

    assert client.flush(10)
    assert portal.posts[0]["events"] == portal.posts[1]["events"]
    assert client.counts.duplicates == 3


def test_waits_as_long_as_retry_after_says(portal, client):
    portal.acts.append(fail(503, Retry_After="0.3"))

    track(client, 1)

    assert client.flush(10)
    first, second = (post["at"] for post in portal.posts)
    assert second - first >= 0.3


def test_keeps_events_while_the_portal_is_away(make_client):
    with portals.running_portal() as away:
        client = make_client(url=away.url)
        track(client, 1)
        assert client.flush(10)
    ids = track(client, 50)
    time.sleep(0.1)
    assert client.counts.waiting == 50

    with portals.running_portal(port=away.server_address[1]) as back:
        assert client.flush(10)

    assert sorted(back.stored) == sorted(ids)


def test_a_connection_that_was_closed_while_idle_is_opened_again_at_once(portal, make_client):
    client = make_client(backoff=Backoff(first_seconds=60, longest_seconds=60))
    portal.acts.append(portals.store_and_close)

    track(client, 1)
    assert client.flush(10)
    time.sleep(0.05)
    track(client, 1)

    assert client.flush(10)
    assert (len(portal.stored), len(portal.connections)) == (2, 2)


def test_isolates_the_one_event_that_makes_a_request_unreadable(portal, make_client):
    rejections = []
    client = make_client(on_rejected=rejections.append, flush_seconds=60)
    portal.acts.append(portals.refuse_poison)

    ids = track(client, 20)
    poison = client.workbench.draft_created(session_id="s-1", source="chat", draft_id="poison")
    ids += track(client, 20)

    assert client.flush(10)
    assert sorted(portal.stored) == sorted(ids)
    assert rejections == [("workbench.draft_created", poison, (("code_400", "", "It is 400."),))]
    # 41 events: at most two requests for each halving.
    assert len(portal.posts) <= 2 * 6 + 1


@pytest.mark.parametrize("status", [401, 403])
def test_stops_with_one_log_when_the_key_is_refused(status, portal, make_client, caplog):
    dropped = []
    client = make_client(on_dropped=dropped.append)
    portal.acts.extend([fail(status)] * 10)

    track(client, 3)
    assert client.flush(10)
    track(client, 2)
    client.shutdown()

    assert len(portal.posts) == 1
    assert {drop.reason for drop in dropped} == {"key_refused"}
    assert sum(drop.count for drop in dropped) == client.counts.dropped == 5
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        f"The portal refuses the key; no more events are sent. {status} code_{status}: It is {status}."
    ]


def test_drops_the_oldest_of_a_full_queue_and_reports_how_many(portal, make_client):
    dropped = []
    client = make_client(max_queue_events=10, batch_events=5, flush_seconds=60, on_dropped=dropped.append)
    portal.acts.append(portals.hang)

    track(client, 5)
    while not portal.posts:
        time.sleep(0.001)
    ids = track(client, 25, first=5)
    portal.released.set()

    assert client.flush(10)
    assert {stored["properties"]["draftId"] for stored in portal.stored.values()} == {
        f"d-{number}" for number in [*range(5), *range(20, 30)]
    }
    assert set(ids[-10:]) <= set(portal.stored)
    assert {drop.reason for drop in dropped} == {"queue_full"}
    assert sum(drop.count for drop in dropped) == client.counts.dropped == 15


def test_reports_drops_during_an_outage_not_after_it(portal, make_client):
    dropped = []
    client = make_client(max_queue_events=5, on_dropped=dropped.append)
    portal.acts.extend([fail(500)] * 10_000)

    track(client, 50)

    deadline = time.monotonic() + 5
    while not dropped and time.monotonic() < deadline:
        time.sleep(0.005)
    assert sum(drop.count for drop in dropped) >= 40
    assert portal.stored == {}


def test_bounds_the_queue_by_bytes_too(portal, make_client):
    client = make_client(max_queue_bytes=10_000, flush_seconds=60)

    for _ in range(20):
        client.track("workbench.draft_edited", session_id="s-1", properties={"intent": "x" * 900})

    assert client.counts.waiting == 9
    assert client.counts.dropped == 11


def test_a_queue_of_one_event_keeps_the_newest_and_sends_it_in_time(portal, make_client):
    client = make_client(max_queue_events=1, batch_events=2, flush_seconds=0.05)

    deadline = time.monotonic() + 5
    while not portal.stored and time.monotonic() < deadline:
        newest = client.workbench.session_started(session_id="s-1")

    assert portal.stored
    assert client.flush(10)
    assert newest in portal.stored


def test_shutdown_reports_what_could_not_be_sent_in_time(portal, make_client):
    dropped = []
    client = make_client(on_dropped=dropped.append, flush_seconds=60)
    portal.acts.extend([fail(500)] * 10_000)

    track(client, 7)
    began = time.monotonic()
    client.shutdown(0.2)

    assert time.monotonic() - began < 2
    assert [(drop.count, drop.reason) for drop in dropped] == [(7, "shutdown")]
    assert client.counts == (7, 0, 0, 0, 7, 0)


def test_shutdown_does_not_wait_for_a_portal_that_hangs(portal, make_client):
    client = make_client(timeout_seconds=8)
    portal.acts.append(portals.hang)
    track(client, 1)
    while not portal.posts:
        time.sleep(0.001)

    began = time.monotonic()
    client.shutdown(0.1)

    assert time.monotonic() - began < 1
    assert client.counts.dropped == 1
    portal.released.set()


def test_shutdown_tries_at_once_what_waits_for_another_attempt(portal, make_client):
    client = make_client(backoff=Backoff(first_seconds=600, longest_seconds=600))
    portal.acts.append(fail(500))
    track(client, 4)
    while not portal.posts:
        time.sleep(0.001)

    client.shutdown(2)

    assert client.counts.accepted == 4


def test_shutdown_does_not_knock_before_the_time_that_the_portal_named(portal, client):
    portal.acts.append(fail(503, Retry_After="30"))
    track(client, 4)
    while not portal.posts:
        time.sleep(0.001)

    client.shutdown(5)

    assert (len(portal.posts), client.counts.dropped) == (1, 4)
