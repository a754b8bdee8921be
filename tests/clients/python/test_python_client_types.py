"""What a type checker says of a wrong event: each line below with a comment has that fault, the others have none."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.clients.python.conftest import SOURCE

USAGE = """\
from datetime import datetime, timezone
from workbench_analytics import BaseClient, Client, EventName
client = Client("https://portal.example.com", "wb_key", on_dropped=lambda dropped: print(dropped.count))
client.workbench.draft_created(session_id="s-1", source="chat")
client.workbench.draft_created(session_id="s-1", source="chat", draft_id="d-1", node_count=3, event_id="e-1")
client.workbench.session_ended(session_id="s-1", timestamp=datetime.now(timezone.utc))
client.workbench.approval_requested(session_id="s-1", tool_ids=["t-1"], context_type="incident")
client.workbench.approval_requested(session_id="s-1", tool_ids=("t-1",), context_type="incident")
client.agent.run_completed(session_id="s-1", run_id="r", agent_run_id="a", agent_name="n", status="failed", cost_usd=1)
with client as same: same.workbench.session_started(session_id="s-1")
identity: str = client.workbench.session_started(session_id="s-1")
client.workbench.draft_created(session_id="s-1")  # call-arg
client.workbench.draft_created(source="chat")  # call-arg
client.workbench.draft_created(session_id="s-1", source="import")  # arg-type
client.workbench.draft_created(session_id="s-1", source="chat", draftId="d-1")  # call-arg
client.workbench.draft_created(session_id="s-1", source="chat", node_count="3")  # arg-type
client.workbench.draft_created("s-1", "chat")  # call-arg
client.workbench.approval_requested(session_id="s-1", tool_ids="t-1", context_type="incident")  # arg-type
client.workbench.draft_shared(session_id="s-1")  # attr-defined
client.orders.order_placed(session_id="s-1")  # attr-defined
client.workbench.session_ended(session_id="s-1", timestamp="2026-02-02T10:00:00Z")  # arg-type
client.track("workbench.draft_created", session_id="s-1", properties={"source": "chat"})
name: EventName = "workbench.draft_created"
client.track(name, session_id="s-1")
with client.run(workflow_id="w", trigger="user") as run, run.agent(name="a", model="m") as agent: agent.cost_usd = 1
agent.model_called(input_tokens=1, status="failed")
client.run(trigger="manual")  # arg-type
run.agent(model="m")  # call-arg
agent.input_tokens = "1"  # assignment
agent.tokens = 1  # attr-defined
BaseClient[str]("https://portal.example.com", "wb_key").track("shop.ordered", session_id="s-1")
client.track("workbench.draft_creatd", session_id="s-1")  # arg-type
with client as same: same.track("typo", session_id="s-1")  # arg-type
client.track(
    "workbench.draft_creatd",  # arg-type
    session_id="s-1",
    properties=["source"],  # arg-type
)
client.workbench.draft_created(
    session_id="s-1",
    source="phone",  # arg-type
    draft_id="d-1",
    node_count="3",  # arg-type
)
"""


def test_a_wrong_event_does_not_pass_the_type_checker(tmp_path):
    path = tmp_path / "usage.py"
    path.write_text(USAGE)

    expected = {
        number: set(line.partition("  # ")[2].split())
        for number, line in enumerate(USAGE.splitlines(), 1)
        if "  # " in line
    }
    assert check_types(path) == expected


def check_types(path: Path) -> dict[int, set[str]]:
    """{line: codes of its errors} by strict mypy, as a project that has the client installed sees it."""
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--cache-dir={path.parent}",
        str(path),
    ]
    ended = subprocess.run(
        command,
        env={**os.environ, "MYPYPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found: dict[int, set[str]] = {}
    for file, line, code in re.findall(r"^(.*):(\d+): error: .*\[([\w-]+)\]$", ended.stdout, re.MULTILINE):
        assert Path(file) == path, ended.stdout
        found.setdefault(int(line), set()).add(code)
    return found
