from typing import Any

import pytest
from django.test import Client

from kpis.compute import rollup
from people.models import Role
from telemetry.models import Environment, RawEvent
from tests.builders import event, fold, minutes, store
from tests.pages.page_content import words
from tests.people.builders import make_person
from tests.telemetry.quality.builders import make_rejected
from tests.workbench.timelines.builders import full_session

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
AGENT_RUN = {"runId": "r-2", "agentRunId": "a", "agentName": "x"}
DAY = {"environment": "production", "from": "2026-02-02", "to": "2026-02-03"}


def links(client: Client, path: str, **query: str) -> str:
    return client.get(path, query).content.decode().replace("&amp;", "&")


def test_a_session_leads_to_its_things(reader: Client) -> None:
    fold(*full_session())

    text, page = words(reader, "/sessions/s-1/"), links(reader, "/sessions/s-1/")

    assert "Chat messages 1 Templates suggested 1" in text
    assert "d-1 from chat Accepted begun 2 Feb, 10:03:00 2 min" in text
    assert "ap/1 Approved begun 2 Feb, 10:07:00 2 min" in text
    assert '"/drafts/d-1/?environment=production"' in page
    assert '"/approvals/ap/1/?environment=production"' in page
    assert "https://example.com" not in page
    assert "a label" not in page


def test_a_draft_and_an_approval_lead_to_their_session(reader: Client) -> None:
    fold(*full_session())

    assert '"/sessions/s-1/?environment=production"' in links(reader, "/drafts/d-1/")
    assert '"/sessions/s-1/?environment=production"' in links(reader, "/approvals/ap/1/")
    assert "Accepted Created 2 Feb, 10:03:00" in words(reader, "/drafts/d-1/")
    assert "Waited 2 min" in words(reader, "/approvals/ap/1/")


def test_runs_are_links_for_those_who_may_see_runs(client: Client) -> None:
    fold(*full_session())
    seen = []

    for role in (Role.ANALYST, Role.OPERATOR):
        client.force_login(make_person(role, role=role))
        seen.append(["/runs/r-1/" in links(client, path) for path in ("/sessions/s-1/", "/approvals/ap/1/")])

    assert seen == [[False, False], [True, True]]


def test_a_run_leads_to_its_session_and_draft(client: Client) -> None:
    fold(*full_session())
    client.force_login(make_person("operator", role=Role.OPERATOR))

    page = links(client, "/runs/r-1/")

    assert '"/sessions/s-1/?environment=production"' in page
    assert '"/drafts/d-1/?environment=production"' in page


@pytest.mark.parametrize("path", ["/sessions/s-1/", "/drafts/d-1/"])
def test_a_rejected_event_leads_to_its_page(reader: Client, path: str) -> None:
    fold(*full_session())
    row = make_rejected(payload={"sessionId": "s-1", "properties": {"draftId": "d-1"}})

    assert f'<a href="/plan/rejected/{row.pk}/"><strong>workbench.draft_created' in links(reader, path)
    assert reader.get(f"/plan/rejected/{row.pk}/").status_code == 200


def test_says_that_raw_events_are_gone(reader: Client) -> None:
    fold(*full_session())
    RawEvent.objects.all().delete()
    Environment.objects.update(raw_kept_from=minutes(60))

    text = words(reader, "/sessions/s-1/")

    assert "Retention deleted the raw events before 2 Feb 2026, 11:00" in text
    assert "Session started raw event not kept" in text or "session started raw event not kept" in text
    assert "Chat messages \N{EN DASH}" in text


@pytest.mark.parametrize("path", ["/sessions/s-1/", "/drafts/d-1/", "/approvals/ap/1/"])
def test_a_thing_of_an_environment_that_is_closed_is_as_unknown_as_none(client: Client, path: str) -> None:
    fold(*full_session(), environment="staging")
    Environment.objects.get_or_create(name="production")
    client.force_login(make_person("limited", role=Role.ANALYST, environments=["production"]))

    closed, own, none = (
        words(client, path, status=404, environment=name) for name in ("staging", "production", "nowhere")
    )

    assert closed == none
    assert "staging" not in closed + own


@pytest.mark.parametrize("near", ["", "soon", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_moment_that_no_link_gives_is_not_used(reader: Client, near: str) -> None:
    Environment.objects.create(name="production")

    assert reader.get("/sessions/s-1/", {"near": near}).status_code == 404


@pytest.mark.parametrize("thing_id", ["a.b", "..%2Fx", "%00", "x" * 300, "a%2F%2Fb", "%3Cb%3E"])
@pytest.mark.parametrize("kind", ["sessions", "drafts", "approvals"])
def test_any_id_can_be_asked_for(reader: Client, kind: str, thing_id: str) -> None:
    Environment.objects.create(name="production")

    assert reader.get(f"/{kind}/{thing_id}/").status_code == 404


def counted(**properties: Any) -> None:
    store(
        event("workbench.draft_created", minutes(0), draftId="d-1", source="chat"),
        event("workbench.draft_accepted", minutes(2), draftId="d-1"),
        event("workbench.draft_accepted", minutes(3), draftId="d-2"),
        event("workbench.workflow_run_completed", minutes(4), runId="r-1", status="completed", durationMs=5),
        event("workbench.chat_message_sent", minutes(5)),
    )
    rollup.bring_up_to_date(now=minutes(60))


def test_a_kpi_leads_from_each_period_to_what_counted(reader: Client) -> None:
    counted()
    address = "/kpis/time-to-create-workflow/counted/?environment=production&from=2026-02-02T00%3A00%3A00Z"

    page = links(reader, "/kpis/time-to-create-workflow/", **DAY, breakdown="source")

    assert f'"{address}&to=2026-02-03T00%3A00%3A00Z"' in page
    assert f'"{address}&to=2026-02-03T00%3A00%3A00Z&breakdown=source&value=chat"' in page
    assert f'"{address}&to=2026-02-03T00%3A00%3A00Z&show=excluded"' in page


def test_lists_what_counted_and_what_did_not(reader: Client) -> None:
    counted()
    path = "/kpis/time-to-create-workflow/counted/"

    text, left_out = words(reader, path, **DAY), words(reader, path, **DAY, show="excluded")

    assert "Drafts measured 1" in text
    assert "2 Feb, 10:02:00 Draft d-1 2 min" in text
    assert "d-2" not in text
    assert "Draft d-2 Not counted No creation is known for the accepted draft" in left_out
    assert '"/drafts/d-1/?environment=production"' in links(reader, path, **DAY)


def test_says_how_many_are_no_longer_kept(reader: Client) -> None:
    counted()
    RawEvent.objects.all().delete()

    text = words(reader, "/kpis/template-suggestion-rate/counted/", **DAY)

    assert "No longer kept: 1 of 1 (chat messages sent)." in text
    assert "Nothing of it is kept." in text


@pytest.mark.parametrize(
    "query",
    [
        {"show": "all"},
        {"older": "x"},
        {"breakdown": "nothing"},
        {"from": "soon"},
        {"breakdown": "source", "value": "\0"},
    ],
)
def test_an_unknown_part_of_the_address_is_named(reader: Client, query: dict[str, str]) -> None:
    Environment.objects.create(name="production")

    text = words(reader, "/kpis/time-to-create-workflow/counted/", status=400, **query)

    assert "default range is shown instead" in text


@pytest.mark.parametrize(
    "kpi", ["workbench-adoption", "execution-cost", "approval-rate", "agent-failure-rate"]
)
def test_every_kind_of_thing_has_a_row(client: Client, kpi: str) -> None:
    counted()
    store(
        event("workflow.created", minutes(1), source="api"),
        event("workbench.approval_completed", minutes(1), approved=True),
        event(
            "agent.run_completed",
            minutes(1),
            runId="r-2",
            agentRunId="a",
            agentName="x",
            status="failed",
            costUsd=1,
        ),
        event("agent.model_called", minutes(1), traceId="t", spanId="s", costUsd=0.5, session="s-9"),
    )
    rollup.bring_up_to_date(now=minutes(60))
    client.force_login(make_person("operator", role=Role.OPERATOR))

    page = links(client, f"/kpis/{kpi}/counted/", **DAY)

    expected = {
        "workbench-adoption": ["/drafts/d-1/", "/sessions/s-1/", "Workflows made in any way"],
        "execution-cost": ["/runs/r-2/", "/runs/r-1/", "/sessions/s-9/", "$0.50"],
        "approval-rate": ["no approval id", "/approvals/"],
        "agent-failure-rate": ["/runs/r-2/", "Agent runs failed"],
    }
    assert [part for part in expected[kpi] if part not in page] == []
