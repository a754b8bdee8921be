"""The client in front of the portal itself."""

import io
from datetime import UTC

import pytest
from django.core.management import call_command
from django.utils import timezone
from workbench_analytics import Client

from telemetry.models import RawEvent
from telemetry.plan import get_plan
from tests.builders import make_secret
from tests.telemetry.builders import make_properties

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def secret():
    return make_secret(source="worker")


def stored():
    return {row.event_id: row for row in RawEvent.objects.all()}


def test_an_event_is_stored_as_it_was_tracked(live_server, secret):
    moment = timezone.now().astimezone(UTC).replace(microsecond=123_456)

    with Client(live_server.url, secret) as telemetry:
        event_id = telemetry.workbench.draft_created(
            session_id="s-1", source="chat", draft_id="d-1", node_count=4, timestamp=moment
        )

    assert telemetry.counts == (1, 1, 0, 0, 0, 0)
    row = stored()[event_id]
    assert (row.event, row.session_id, row.occurred_at) == ("workbench.draft_created", "s-1", moment)
    assert row.properties == {"source": "chat", "draftId": "d-1", "nodeCount": 4}
    assert (row.environment, row.source) == ("production", "worker")


def test_every_event_of_the_plan_is_accepted(live_server, secret):
    rejections = []
    with Client(live_server.url, secret, on_rejected=rejections.append) as telemetry:
        for event in get_plan().events.values():
            telemetry.track(event.name, session_id="s-1", properties=make_properties(event.properties))

    assert rejections == []
    assert {row.event for row in stored().values()} == set(get_plan().events)


def test_what_runs_and_agents_track_is_accepted(live_server, secret):
    rejections = []
    with Client(live_server.url, secret, on_rejected=rejections.append) as telemetry:
        run = telemetry.run(workflow_id="w-1", trigger="api", retry_of_run_id="r-1")
        with run, run.agent(name="planner", attempt=2) as agent, agent.agent(name="searcher") as searcher:
            searcher.model_called(model="opus", input_tokens=900, output_tokens=80, cost_usd=0.02)

    assert rejections == []
    assert len(stored()) == 7


def test_an_event_that_is_tracked_twice_under_one_id_is_stored_once(live_server, secret):
    moment = timezone.now()
    with Client(live_server.url, secret) as telemetry:
        for _ in range(2):
            telemetry.workbench.session_started(session_id="s-1", event_id="once", timestamp=moment)

    assert telemetry.counts == (2, 1, 1, 0, 0, 0)
    assert list(stored()) == ["once"]


def test_rejections_tell_all_that_is_wrong_with_an_event(live_server, secret):
    rejections = []
    with Client(live_server.url, secret, on_rejected=rejections.append) as telemetry:
        telemetry.track(
            "workbench.draft_created", session_id="s-1", properties={"source": "mail", "extra": 1}
        )
        good = telemetry.workbench.session_started(session_id="s-1")

    assert [problem[:2] for problem in rejections[0].problems] == [
        ("not_in_enum", "properties.source"),
        ("unknown_property", "properties.extra"),
    ]
    assert (len(rejections), list(stored())) == (1, [good])


def test_an_event_that_makes_the_request_unreadable_costs_no_other(live_server, secret):
    rejections, deep = [], []
    for _ in range(50):
        deep = [deep]
    with Client(live_server.url, secret, on_rejected=rejections.append) as telemetry:
        good = [telemetry.workbench.session_started(session_id="s-1") for _ in range(5)]
        telemetry.track("workbench.draft_created", session_id="s-1", properties={"draftId": deep})
        good += [telemetry.workbench.session_started(session_id="s-1") for _ in range(5)]

    assert [rejection.problems[0].code for rejection in rejections] == ["bad_json"]
    assert sorted(stored()) == sorted(good)


def test_a_dry_run_stores_nothing(live_server, secret):
    with Client(live_server.url, secret, dry_run=True) as telemetry:
        telemetry.workbench.session_started(session_id="s-1")

    assert (telemetry.counts.accepted, stored()) == (1, {})


def test_an_unknown_key_stops_the_client(live_server):
    with Client(live_server.url, "wb_unknown") as telemetry:
        telemetry.workbench.session_started(session_id="s-1")

    assert (telemetry.counts.dropped, stored()) == (1, {})


def test_a_plan_is_checked_against_the_portals(live_server, secret, monkeypatch):
    monkeypatch.setenv("WORKBENCH_KEY", secret)
    printed = io.StringIO()

    call_command("check_plan", "--against", live_server.url, stdout=printed)

    assert f"The portal at {live_server.url} takes all that it allows." in printed.getvalue()
