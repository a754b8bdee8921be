"""After an erasure nothing of the subject is in the database's files, its dump, DATA_DIR or the log."""

import json
import logging
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from kpis.compute.rollup import bring_up_to_date
from telemetry.intake.ingest import ingest_events
from telemetry.intake.privacy import pseudonymise
from telemetry.models import ApiKey
from tests.builders import make_key
from tests.oracle.erasing import SubjectOfPosts, erase
from tests.oracle.system import clear_tables

pytestmark = pytest.mark.django_db(transaction=True)

USER = "marked-user-4711"
# Every place in which an id of theirs can stand.
PLACES = ("session", "draft", "run", "agentrun", "approval", "trace", "span", "event", "tool", "stream")
MARKS = {place: f"marked-{place}-4711" for place in PLACES}
DRAFT = {"draftId": MARKS["draft"]}
RUN = {"runId": MARKS["run"]}
TRACE = {"traceId": MARKS["trace"]}
AGENT = {**RUN, **TRACE, "agentRunId": MARKS["agentrun"], "agentName": "planner", "spanId": MARKS["span"]}
CALL = {
    **RUN,
    **TRACE,
    "agentRunId": MARKS["agentrun"],
    "spanId": MARKS["span"],
    "parentSpanId": MARKS["span"],
}
TOOLS = {"toolIds": [MARKS["tool"]], "approvalId": MARKS["approval"], **RUN}
EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("workbench.session_started", {"userId": USER}),
    ("workbench.draft_created", {"source": "chat"}),
    ("workbench.draft_created", {"source": "chat", **DRAFT}),
    ("workbench.draft_edited", {"editType": "chat", **DRAFT}),
    ("workbench.draft_accepted", DRAFT),
    ("workbench.chat_tool_invoked", {"toolId": MARKS["tool"], **DRAFT}),
    ("workbench.workflow_run_started", {**DRAFT, **RUN, **TRACE}),
    ("agent.run_started", AGENT),
    ("agent.model_called", CALL),
    ("workbench.approval_requested", {"contextType": "workflow", **TOOLS}),
    ("workbench.approval_completed", {"approved": True, "approverId": USER, **TOOLS}),
    ("agent.run_completed", {**AGENT, "status": "failed"}),
    ("workbench.workflow_run_completed", {**RUN, "status": "completed"}),
    ("appserver.stream_opened", {"streamId": MARKS["stream"]}),
    ("workbench.session_ended", {"userId": USER}),
    # Rejected: they lack something, or have too much.
    ("workbench.session_started", {"userId": USER, "unknown": MARKS["session"]}),
    ("workbench.draft_accepted", {"userId": USER}),
    ("workbench.workflow_run_completed", RUN),
]


def documents(*, session: str, now: datetime, events: list[tuple[str, dict[str, Any]]]) -> list[bytes]:
    return [
        json.dumps(
            {
                "event": name,
                "id": f"{MARKS['event']}-{session}-{number}",
                "sessionId": session,
                "timestamp": (now - timedelta(minutes=60 - number)).isoformat(),
                "properties": properties,
            }
        ).encode()
        for number, (name, properties) in enumerate(events)
    ]


@pytest.fixture
def key(now: datetime) -> Iterator[ApiKey]:
    yield make_key(now=now)
    clear_tables()


def post_all(key: ApiKey, *, now: datetime) -> None:
    """What the user did in a session of their own, and a decision in a session of somebody else; then others."""
    ingest_events(documents(session=MARKS["session"], now=now, events=EVENTS), key=key, now=now)
    decision = [("workbench.approval_completed", {"approved": False, "approverId": USER})]
    ingest_events(documents(session="theirs", now=now, events=decision), key=key, now=now)
    other = [
        ("workbench.session_started", {"userId": "other"}),
        ("workbench.draft_accepted", {"draftId": "d"}),
    ]
    ingest_events(documents(session="others", now=now, events=other), key=key, now=now)


def stored_bytes() -> bytes:
    """The database as its backup has it, and on SQLite as its files have it, free pages and log included."""
    if connection.vendor == "postgresql":
        database = connection.settings_dict
        where = ["-h", database["HOST"], "-p", str(database["PORT"] or 5432), "-U", database["USER"]]
        return subprocess.run(
            ["pg_dump", *where, database["NAME"]], check=True, capture_output=True, timeout=60
        ).stdout
    name = str(connection.settings_dict["NAME"])
    files = (Path(f"{name}{suffix}") for suffix in ("", "-wal"))
    return b"".join(file.read_bytes() for file in files if file.exists())


def found_in(text: bytes, marks: list[str]) -> list[str]:
    return [mark for mark in marks if mark.encode() in text]


@pytest.mark.parametrize("mode", ["remove", "keep"])
def test_nothing_of_an_erased_user_is_left(
    key: ApiKey, now: datetime, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # What many share stays where the aggregates stay: names of tools.
    kept = {"tool"} if mode == "keep" else set()
    marks = [mark for place, mark in MARKS.items() if place not in {*kept, "event"}]
    marks += [f"{MARKS['event']}-{MARKS['session']}", USER, pseudonymise(USER)]
    post_all(key, now=now)
    bring_up_to_date(now=now)
    before = found_in(stored_bytes(), marks)

    erase(SubjectOfPosts("production", "user", USER), mode=mode, now=now)
    bring_up_to_date(now=now)

    # The raw id of a user was never there; all else was.
    assert before == [mark for mark in marks if mark != USER]
    assert found_in(stored_bytes(), marks) == []
    assert found_in(caplog.text.encode(), marks) == []
    assert found_in(files_in(Path(settings.DATA_DIR)), marks) == []
    assert b"others" in stored_bytes()


def files_in(folder: Path) -> bytes:
    """All files but databases, which are read above."""
    files = (file for file in folder.rglob("*") if file.is_file() and ".sqlite3" not in file.name)
    return b"".join(file.read_bytes() for file in files)


@pytest.mark.parametrize(
    ("kind", "mark", "left"),
    [
        ("session", "session", set()),
        ("draft", "draft", {"session"}),
        ("run", "run", {"session", "draft"}),
    ],
)
def test_nothing_of_an_erased_thing_is_left(
    key: ApiKey, now: datetime, kind: str, mark: str, left: set[str]
) -> None:
    post_all(key, now=now)
    bring_up_to_date(now=now)

    erase(SubjectOfPosts("production", kind, MARKS[mark]), now=now)

    stored = stored_bytes()
    assert found_in(stored, [MARKS[mark]]) == []
    assert all(MARKS[place].encode() in stored for place in left)


def test_the_receipt_names_nobody(key: ApiKey, now: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    post_all(key, now=now)

    call_command("erase", "--environment=production", f"--user={USER}")

    printed = capsys.readouterr().out
    receipt = json.loads(printed)["receipt"]
    assert found_in(printed.encode(), [*MARKS.values(), USER, pseudonymise(USER)]) == []
    assert receipt["raw_events_total"] == 16
    assert receipt["quarantined_events"] == 3
    assert receipt["rows"] == {
        "agent run": 1,
        "approval decision": 2,
        "approval request": 1,
        "draft": 1,
        "draft creation": 1,
        "model call": 1,
        "session": 1,
        "workflow run": 1,
    }
