"""What an application sees of the Python client while nothing goes wrong, and of its own mistakes."""

import logging
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from workbench_analytics import Client, Dropped, Problem, Rejection
from workbench_analytics.encoding import _format_now, new_event_id
from workbench_analytics.version import __version__

from tests.clients.python import scripted_portal as portals

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_sends_a_typed_event_as_the_plan_names_it(portal, client):
    event_id = client.workbench.draft_created(
        session_id="s-1",
        source="chat",
        draft_id="d-1",
        node_count=4,
        timestamp=datetime(2026, 2, 2, 11, 0, 0, 500, tzinfo=timezone(timedelta(hours=1))),
    )

    assert client.flush(10)
    assert portal.posts[0]["events"] == [
        {
            "event": "workbench.draft_created",
            "id": event_id,
            "sessionId": "s-1",
            "timestamp": "2026-02-02T10:00:00.000500+00:00",
            "properties": {"source": "chat", "draftId": "d-1", "nodeCount": 4},
        }
    ]


def test_posts_to_the_ingest_address_with_the_key(portal, client):
    client.track("workbench.session_started", session_id="s-1")

    assert client.flush(10)
    [post] = portal.posts
    assert post["path"] == "/api/workbench/telemetry"
    assert post["headers"]["authorization"] == "Bearer wb_key"
    assert post["headers"]["content-type"] == "application/json"
    assert post["headers"]["user-agent"] == f"workbench-analytics-python/{__version__}"
    assert "content-encoding" not in post["headers"]


@pytest.mark.parametrize("path", ["/portal", "/portal/", "/portal/api/workbench/telemetry"])
def test_finds_a_portal_below_a_path(path, portal, make_client):
    client = make_client(url=portal.url + path)

    client.track("workbench.session_started", session_id="s-1")

    assert client.flush(10)
    assert portal.posts[0]["path"] == "/portal/api/workbench/telemetry"


def test_takes_id_and_timestamp_at_the_moment_of_tracking(portal, make_client):
    client = make_client(flush_seconds=60)

    before = datetime.now(UTC)
    first = client.workbench.session_started(session_id="s-1")
    second = client.workbench.session_started(session_id="s-1")
    after = datetime.now(UTC)
    time.sleep(0.02)

    assert client.flush(10)
    assert [event["id"] for event in portal.posts[0]["events"]] == [first, second]
    assert first != second
    for event in portal.posts[0]["events"]:
        assert before <= datetime.fromisoformat(event["timestamp"]) <= after


def test_keeps_the_id_that_the_caller_gives(portal, client):
    assert client.workbench.session_started(session_id="s-1", event_id="run-1-started") == "run-1-started"

    assert client.flush(10)
    assert list(portal.stored) == ["run-1-started"]


def test_sends_what_the_event_was_when_it_was_tracked(portal, make_client):
    client = make_client(flush_seconds=60)
    tools = ["t-1"]

    client.workbench.approval_requested(session_id="s-1", tool_ids=tools, context_type="incident")
    tools.append("t-2")

    assert client.flush(10)
    assert portal.posts[0]["events"][0]["properties"]["toolIds"] == ["t-1"]


def test_compresses_larger_batches(portal, make_client):
    client = make_client(flush_seconds=60)

    for _ in range(50):
        client.workbench.session_started(session_id="s-1")

    assert client.flush(10)
    [post] = portal.posts
    assert post["headers"]["content-encoding"] == "gzip"
    assert int(post["headers"]["content-length"]) < post["size"] / 3


def test_sends_a_full_batch_at_once_and_the_rest_in_time(portal, make_client):
    client = make_client(batch_events=10, flush_seconds=0.4)

    for _ in range(25):
        client.workbench.session_started(session_id="s-1")

    deadline = time.monotonic() + 5
    while len(portal.stored) < 25 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert [len(post["events"]) for post in portal.posts] == [10, 10, 5]


def test_keeps_batches_within_a_mebibyte(portal, make_client):
    client = make_client(batch_events=2_500, flush_seconds=60)

    for _ in range(80):
        client.track("workbench.draft_edited", session_id="s-1", properties={"intent": "x" * 30_000})

    assert client.flush(10)
    assert len(portal.stored) == 80
    assert [len(post["events"]) for post in portal.posts] == [34, 34, 12]
    assert max(post["size"] for post in portal.posts) <= 1024 * 1024


def test_keeps_batches_within_2500_events(portal, make_client):
    client = make_client(batch_events=9_999, flush_seconds=60)

    for _ in range(2_501):
        client.track("e.e", session_id="s-1")

    assert client.flush(10)
    assert [len(post["events"]) for post in portal.posts] == [2_500, 1]


def test_uses_one_connection_for_many_posts(portal, client):
    for _ in range(5):
        client.workbench.session_started(session_id="s-1")
        assert client.flush(10)

    assert (len(portal.posts), len(portal.connections)) == (5, 1)


def test_tells_what_was_rejected_and_why(portal, make_client, caplog):
    rejections = []
    client = make_client(on_rejected=rejections.append, debug=True)

    event_id = client.track("workbench.unknown", session_id="s-1")
    client.workbench.session_started(session_id="s-1")

    assert client.flush(10)
    problem = Problem(code="unknown_event", field="event", message="It is not known.")
    assert rejections == [Rejection(event="workbench.unknown", event_id=event_id, problems=(problem,))]
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"workbench.unknown ({event_id}) was rejected: unknown_event event: It is not known."
    ]
    assert client.counts == (2, 1, 0, 1, 0, 0)


def test_is_quiet_about_rejections_outside_of_debugging(client, caplog):
    client.track("workbench.unknown", session_id="s-1")

    assert client.flush(10)
    assert not [record for record in caplog.records if record.levelno >= logging.INFO]


def test_warns_of_what_is_deprecated(make_client, caplog):
    rejections = []
    client = make_client(on_rejected=rejections.append, debug=True)

    event_id = client.track("workbench.deprecated", session_id="s-1")

    assert client.flush(10)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"workbench.deprecated ({event_id}) was accepted with a warning: deprecated event: Send another."
    ]
    assert (rejections, client.counts.accepted) == ([], 1)


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        ({"properties": {"intent": {1, 2}}}, "wrong_type", "properties"),
        ({"properties": {"nodeCount": float("nan")}}, "wrong_type", "properties"),
        ({"properties": {"intent": "\ud800"}}, "wrong_type", "properties"),
        ({"properties": ["intent"]}, "wrong_type", "properties"),
        ({"properties": {("a", "b"): 1}}, "wrong_type", "properties"),
        ({"properties": {"intent": "x" * 32 * 1024}}, "event_too_large", ""),
        ({"timestamp": datetime(2026, 2, 2)}, "bad_timestamp", "timestamp"),  # noqa: DTZ001
        ({"timestamp": "2026-02-02T10:00:00Z"}, "bad_timestamp", "timestamp"),
    ],
)
def test_refuses_by_itself_what_cannot_be_sent(event, code, field, portal, make_client):
    rejections = []
    client = make_client(on_rejected=rejections.append)

    event_id = client.track("workbench.draft_edited", session_id="s-1", **event)

    assert client.flush(10)
    [rejection] = rejections
    assert (rejection.event_id, rejection.problems[0][:2]) == (event_id, (code, field))
    assert (portal.posts, client.counts) == ([], (1, 0, 0, 1, 0, 0))


def test_takes_an_event_of_exactly_32_kib(portal, client):
    empty = len(
        '{"event":"e.e","id":"i","sessionId":"s","timestamp":"2026-02-02T10:00:00+00:00","properties":{"x":""}}'
    )
    moment = datetime(2026, 2, 2, 10, tzinfo=UTC)

    for extra in (0, 1):
        text = "x" * (32 * 1024 - empty + extra)
        client.track("e.e", session_id="s", properties={"x": text}, timestamp=moment, event_id="i")

    assert client.flush(10)
    assert client.counts == (2, 1, 0, 1, 0, 0)


def test_a_callback_that_fails_changes_nothing(portal, make_client, caplog):
    def fail(_):
        raise RuntimeError

    client = make_client(on_rejected=fail)

    client.track("workbench.unknown", session_id="s-1")
    client.workbench.session_started(session_id="s-1")

    assert client.flush(10)
    assert client.counts == (2, 1, 0, 1, 0, 0)
    assert "A callback failed: RuntimeError" in caplog.text


def test_a_callback_may_track_and_does_not_wait_for_itself(portal, make_client):
    flushed = []

    def track_again(rejection):
        client.workbench.session_started(session_id="s-2")
        flushed.append(client.flush(10))

    client = make_client(on_rejected=track_again)
    client.track("workbench.unknown", session_id="s-1")

    assert client.flush(10)
    assert client.flush(10)
    assert (flushed, client.counts.accepted) == ([False], 1)


def test_a_callback_may_track_in_sync_mode_too(make_client):
    client = make_client(sync=True, on_rejected=lambda _: client.workbench.session_started(session_id="s-2"))

    client.track("workbench.unknown", session_id="s-1")

    assert client.counts == (2, 1, 0, 1, 0, 0)


# Consent --------------------------------------------------------------------------------------------------


def test_tracks_nothing_without_consent(portal, make_client):
    client = make_client(consent=False)

    assert client.workbench.session_started(session_id="s-1") == ""
    assert client.flush(10)
    client.set_consent(True)
    client.workbench.session_started(session_id="s-2")

    assert client.flush(10)
    assert [event["sessionId"] for event in portal.stored.values()] == ["s-2"]
    assert client.counts.tracked == 1


def test_drops_what_waits_when_consent_is_withdrawn(portal, make_client):
    dropped = []
    client = make_client(on_dropped=dropped.append, flush_seconds=60)

    client.workbench.session_started(session_id="s-1")
    client.set_consent(False)

    assert client.flush(10)
    client.shutdown()
    assert (portal.posts, dropped) == ([], [Dropped(count=1, reason="consent_withdrawn")])


def test_gives_up_what_is_being_sent_again_when_consent_is_withdrawn(portal, make_client):
    client = make_client()
    portal.acts.extend([portals.fail(500)] * 10_000)
    client.workbench.session_started(session_id="s-1")
    while not portal.posts:
        time.sleep(0.001)

    client.set_consent(False)

    assert client.flush(10)
    portal.acts.clear()
    time.sleep(0.05)
    assert (portal.stored, client.counts) == ({}, (1, 0, 0, 0, 1, 0))


# Traces ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [TRACE, lambda: TRACE])
def test_passes_the_trace_on(given, portal, make_client):
    client = make_client(traceparent=given)

    client.workbench.session_started(session_id="s-1")

    assert client.flush(10)
    assert portal.posts[0]["headers"]["traceparent"] == TRACE


def fail_to_tell():
    raise RuntimeError


@pytest.mark.parametrize("given", ["", "nonsense", TRACE + "\r\nX: y", lambda: None, fail_to_tell])
def test_an_event_is_sent_without_a_trace_that_is_none(given, portal, make_client):
    client = make_client(traceparent=given)

    client.workbench.session_started(session_id="s-1")

    assert client.flush(10)
    assert "traceparent" not in portal.posts[0]["headers"]


# Ways to run ----------------------------------------------------------------------------------------------


def test_sync_mode_sends_before_it_returns(portal, make_client):
    client = make_client(sync=True)

    event_id = client.workbench.session_started(session_id="s-1")

    assert list(portal.stored) == [event_id]
    assert client._thread is None


def test_sync_mode_tries_again_and_then_gives_up(portal, make_client):
    dropped = []
    client = make_client(sync=True, exit_seconds=0.1, on_dropped=dropped.append)
    portal.acts.append(portals.fail(500))

    client.workbench.session_started(session_id="s-1")
    portal.acts.extend([portals.fail(500)] * 1_000)
    client.workbench.session_started(session_id="s-2")

    assert [event["sessionId"] for event in portal.stored.values()] == ["s-1"]
    assert dropped == [Dropped(count=1, reason="no_answer")]


def test_sync_mode_stops_when_the_key_is_refused(portal, make_client):
    client = make_client(sync=True)
    portal.acts.append(portals.fail(401))

    client.workbench.session_started(session_id="s-1")
    client.workbench.session_started(session_id="s-1")

    assert (len(portal.posts), client.counts.dropped) == (1, 2)


def test_dry_run_asks_the_portal_to_store_nothing(portal, make_client):
    client = make_client(dry_run=True)

    client.workbench.session_started(session_id="s-1")

    assert client.flush(10)
    assert portal.posts[0]["path"] == "/api/workbench/telemetry?dry_run=1"


def test_a_with_block_sends_all_before_it_ends(portal, make_client):
    with make_client(flush_seconds=60) as client:
        client.workbench.session_started(session_id="s-1")

    assert len(portal.stored) == 1


def test_what_is_tracked_after_shutdown_is_reported_as_dropped(portal, make_client):
    dropped = []
    client = make_client(on_dropped=dropped.append)
    client.shutdown()

    client.workbench.session_started(session_id="s-1")
    client.shutdown()

    assert client.flush(10)
    assert (portal.posts, dropped) == ([], [Dropped(count=1, reason="shutdown")])


@pytest.mark.parametrize("url", ["", "portal.example.com", "ftp://portal.example.com", "https://"])
def test_refuses_an_address_that_is_none(url):
    with pytest.raises(ValueError, match="http"):
        Client(url, "wb_key")


@pytest.mark.parametrize("key", ["", "two words", "line\r\nbreak", "schlüssel"])
def test_refuses_a_key_that_is_none(key):
    with pytest.raises(ValueError, match="create_key"):
        Client("https://portal.example.com", key)


def test_event_ids_are_random():
    ids = {new_event_id() for _ in range(1_000)}

    assert len(ids) == 1_000
    assert {len(event_id) for event_id in ids} == {32}


def test_now_is_told_to_the_microsecond():
    for moment in (
        datetime(2026, 2, 2, 9, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 2, 2, 10, tzinfo=UTC),
        datetime(2026, 2, 2, 10, 0, 0, 1, tzinfo=UTC),
    ):
        now_ns = int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000 + 999

        assert datetime.fromisoformat(_format_now(now_ns)) == moment


def test_what_contains_itself_is_refused(make_client):
    client = make_client()
    properties = {}
    properties["toolIds"] = [properties]

    client.track("workbench.draft_edited", session_id="s-1", properties=properties)

    assert client.counts == (1, 0, 0, 1, 0, 0)
