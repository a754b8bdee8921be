"""No text that an event, a plan or a person brings becomes more than text: on no page, in no answer, in no log."""

import csv
import io
import json
import logging
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from config.logs import JsonFormatter
from kpis.api.csv_export import is_formula
from people.models import Role
from telemetry.keys import create_key
from telemetry.models import Arrival
from tests import rows
from tests.builders import NOW
from tests.injections.payloads import (
    BREAKDOWN,
    MODELS,
    PAYLOADS,
    SAMPLE,
    fill,
    fill_breakdown,
    injections_in,
    shown_in,
    text_columns,
)
from tests.kpis.builders import make_environment
from tests.people.builders import make_person
from tests.telemetry.builders import make_event
from tests.workbench.runs.builders import make_agent, make_approval, make_call, make_run
from workbench.models import Draft, LinkKind, SessionLink

# What a page does with a text does not depend on the database that it came from.
pytestmark = pytest.mark.only_on("sqlite")

WITH_TEXTS = [model for model in MODELS if text_columns(model)]


def test_there_are_300_different_payloads() -> None:
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 300
    assert max(map(len, PAYLOADS)) <= 64


@pytest.mark.parametrize(
    ("page", "count"),
    [
        ("<p>&lt;x-pwn&gt; {{7919*7907}}</p>", 0),
        ('<p title="&quot; data-pwn=1">javascript:pwned=1</p>', 0),
        ("<p><x-pwn></p>", 1),
        ('<p title="" data-pwn="">', 1),
        ("<p onclick='pwned=1'>", 1),
        ("<a href=' java\nscript:pwned=1'>", 1),
        ("<script>var a = '';pwned=1;//'</script>", 1),
        ("<style>pwned</style>", 1),
        ("<p>62615533</p>", 1),
    ],
)
def test_an_injection_is_seen(page: str, count: int) -> None:
    assert len(injections_in(page)) == count


@pytest.mark.django_db
@pytest.mark.parametrize("model", WITH_TEXTS, ids=lambda model: model._meta.label_lower)
def test_lists_and_rows_of_the_admin_show_payloads_as_text(
    no_sidebar: None, long_lists: None, admin_client: Client, model: type[Model]
) -> None:
    fill(model, SAMPLE)
    changelist = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    page = admin_client.get(changelist).content.decode()

    assert injections_in(page) == []
    rows = re.findall(rf'"({changelist}[^"?/]+/change/)', page)
    assert len(rows) >= len(SAMPLE)
    # From many families, and from others of another table: the payloads are in the order of the file.
    for row in rows[WITH_TEXTS.index(model) % 13 :: 13]:
        answer = admin_client.get(row)
        assert answer.status_code == 200
        assert injections_in(answer.content.decode()) == []


@pytest.mark.django_db
def test_payloads_of_rejected_events_are_really_on_the_page(
    no_sidebar: None, long_lists: None, admin_client: Client
) -> None:
    model = next(model for model in MODELS if model._meta.label_lower == "telemetry.quarantinedevent")
    fill(model)

    page = admin_client.get(reverse("admin:telemetry_quarantinedevent_changelist")).content.decode()

    # A carriage return in a page is read as a line feed.
    assert len(shown_in(page)) >= len(PAYLOADS) - 20


@pytest.fixture
def breakdown() -> None:
    fill_breakdown()


RANGE = {"environment": "production", "from": "2026-02-01", "to": "2026-03-01"}


@pytest.mark.django_db
def test_pages_show_payloads_as_text(breakdown: None, clock: Any, client: Client) -> None:
    for number in range(0, len(PAYLOADS), 40):
        user = User.objects.create(username=PAYLOADS[number])
        client.force_login(user)
        pages = [
            client.get("/", RANGE),
            client.get("/", {**RANGE, "environment": PAYLOADS[number]}),
            client.get(f"/kpis/{BREAKDOWN.slug}/", {**RANGE, "breakdown": "workflow"}),
            client.get("/costs/", {**RANGE, "by": "model"}),
            client.get("/agents/", RANGE),
        ]
        assert [injections_in(page.content.decode()) for page in pages] == [[]] * 5
        assert shown_in(pages[-1].content.decode())


@pytest.mark.django_db
def test_pages_of_runs_show_payloads_as_text(clock: Any, client: Client) -> None:
    make_environment()
    client.force_login(make_person("operator", role=Role.OPERATOR))
    for number, payload in enumerate(PAYLOADS):
        text = payload.replace("\0", "")
        texts = {
            "workflow_name": text,
            "trigger": text[:16],
            "error_type": text,
            "trace_id": text,
            "draft_id": text,
        }
        make_run(text, status="failed", retry_of_run_id=text, back=timedelta(minutes=number), **texts)
    make_agent(
        run=PAYLOADS[0], agent_name=PAYLOADS[1], action=PAYLOADS[2], error_type=PAYLOADS[3], status="failed"
    )
    make_call(run=PAYLOADS[0], model=PAYLOADS[4])
    make_approval(run=PAYLOADS[0], context_type=PAYLOADS[5])
    pages = [client.get("/runs/"), client.get("/runs/", {"id": PAYLOADS[6], "workflow": PAYLOADS[7]})]
    pages += [client.get(f"/runs/{quote(payload, safe='')}/") for payload in PAYLOADS[::20]]

    assert [injections_in(page.content.decode()) for page in pages] == [[]] * len(pages)
    assert shown_in(pages[0].content.decode())


@pytest.mark.django_db
def test_the_live_page_shows_payloads_as_text(clock: Any, reader: Client) -> None:
    for number, payload in enumerate(PAYLOADS):
        text = payload.replace("\0", "")
        short = text[:64]
        post = rows.arrival(source=short, client=short, accepted=1, rejected={"bad_id": 1})
        rows.raw_event(
            number, arrival_id=post.pk, event=short, event_id=text[:100], session_id=text[:128],
            properties={text: text, "runId": text, "toolIds": [text]},
        )  # fmt: skip
        error = {"code": text, "field": f"properties.{text}", "message": text}
        rows.quarantined_event(
            arrival_id=post.pk, key=post.key, event=short, errors=[error], payload={text: [text]}
        )
    numbers = Arrival.objects.order_by("pk").values_list("pk", flat=True)
    pages = [reader.get("/live/", {"post": str(number)}) for number in numbers[::10]]
    pages += [reader.get("/live/"), reader.get("/live/", {"outcome": "rejected", "event": PAYLOADS[3][:64]})]
    pages += [reader.get("/live/", {"event": PAYLOADS[4][:64], "key": PAYLOADS[5]})]

    assert [injections_in(page.content.decode()) for page in pages] == [[]] * len(pages)
    assert shown_in(pages[0].content.decode())


@pytest.mark.django_db
def test_pages_of_things_show_payloads_as_text(clock: Any, client: Client) -> None:
    make_environment()
    client.force_login(make_person("operator", role=Role.OPERATOR))
    for number, payload in enumerate(PAYLOADS):
        text = payload.replace("\0", "")
        fields = {"draft_id": text, "source": text[:32], "accepted_session_id": "s-1", "accepted_at": NOW}
        Draft.objects.create(environment="production", **fields)
        SessionLink.objects.create(
            environment="production", kind=LinkKind.DRAFT, thing_id=text, session_id="s-1"
        )
        make_approval(approval_id=text[:128], run=text[:128], context_type=text, tool_ids=json.dumps([text]))
        make_run(
            text,
            session_id=text[:128],
            status="cancelled",
            workflow_name=text,
            back=timedelta(minutes=number),
        )
    paths = ["/sessions/s-1/", "/kpis/workflow-success-rate/counted/?show=excluded"]
    paths += [
        f"/{kind}/{quote(name, safe='')}/" for kind in ("drafts", "approvals") for name in PAYLOADS[::20]
    ]
    pages = [client.get(path).content.decode() for path in paths]

    assert [injections_in(page) for page in pages] == [[]] * len(pages)
    assert shown_in(pages[0])


@pytest.mark.django_db
def test_parameters_of_addresses_are_shown_as_text(breakdown: None, clock: Any, reader: Client) -> None:
    names = (
        "environment",
        "from",
        "to",
        "breakdown",
        "granularity",
        "value",
        "show",
        "older",
        "next",
        PAYLOADS[0],
    )
    for payload in SAMPLE:
        for path in ("/login/", f"/kpis/{BREAKDOWN.slug}/", f"/kpis/{BREAKDOWN.slug}/counted/"):
            answer = reader.get(path, dict.fromkeys(names, payload))
            assert answer.status_code < 500
            assert injections_in(answer.content.decode()) == []
            assert "\n" not in answer.headers.get("Location", "")


@pytest.mark.django_db
def test_the_api_answers_payloads_as_json_and_csv(breakdown: None, clock: Any, reader: Client) -> None:
    query = {**RANGE, "breakdown": "workflow"}

    answer = reader.get(f"/api/kpis/{BREAKDOWN.slug}/", query)
    table = reader.get(f"/api/kpis/{BREAKDOWN.slug}/", {**query, "format": "csv"})

    values = {part["value"] for part in answer.json()["breakdown"]}
    cells = {
        row["dimension_value"] for row in csv.DictReader(io.StringIO(table.content.decode(), newline=""))
    }
    assert answer.headers["Content-Type"] == "application/json"
    assert table.headers["Content-Type"].startswith("text/csv")
    assert values & set(PAYLOADS)
    assert cells == {f"'{value}" if is_formula(value) else value for value in values}


@pytest.mark.django_db
def test_the_door_answers_payloads_as_json(clock: Any, client: Client, now: Any) -> None:
    _, secret = create_key(scope="ingest", environment="production", source="app", now=now)
    events = [
        make_event(
            name,
            id=f"{number}-{payload}",
            sessionId=payload,
            properties={"source": payload, "draftId": payload, payload: payload},
        )
        for number, payload in enumerate(PAYLOADS)
        for name in (payload, "workbench.draft_created")
    ]

    answer = client.post(
        "/api/workbench/telemetry",
        json.dumps({"events": events}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )
    recent = client.get("/api/ingest/recent/", headers={"Authorization": f"Bearer {secret}"})

    assert answer.status_code == 200
    assert answer.json()["rejected"] == len(events)
    for response in (answer, recent):
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db
def test_headers_and_paths_stay_in_one_line_of_the_answer(client: Client) -> None:
    for payload in PAYLOADS:
        text = payload.encode().decode("latin-1")
        answer = client.get("/login/", headers={"X-Request-ID": text, "Referer": text, "User-Agent": text})
        assert answer.status_code < 500
        assert not [value for value in answer.headers.values() if {"\r", "\n"} & set(value)]
        assert injections_in(answer.content.decode()) == []


def test_a_log_line_stays_one_line() -> None:
    formatter = JsonFormatter()
    for payload in PAYLOADS:
        record = logging.LogRecord("portal", logging.WARNING, "", 0, "seen: %s", (payload,), None)

        line = formatter.format(record)

        assert line.splitlines() == [line]
        assert json.loads(line)["message"] == f"seen: {payload}"
        assert "\x1b" not in line
