"""The events of a session in which everything happens."""

from typing import Any

from tests.builders import event, minutes

DRAFT = {"draftId": "d-1"}
RUN = {"runId": "r-1"}
APPROVAL = {"approvalId": "ap/1", "runId": "r-1"}


def full_session() -> list[dict[str, Any]]:
    return [
        event("workbench.session_started", minutes(0), userId="u_hash", referrer="https://example.com/"),
        event("workbench.chat_message_sent", minutes(1), messageLength=5),
        event("workbench.template_suggested", minutes(2), templateId="t-1", **DRAFT),
        event("workbench.draft_created", minutes(3), source="chat", nodeCount=3, **DRAFT),
        event("workbench.draft_edited", minutes(4), editType="canvas", intent="a label", **DRAFT),
        event("workbench.draft_accepted", minutes(5), **DRAFT),
        event("workbench.workflow_run_started", minutes(6), trigger="user", **RUN, **DRAFT),
        event("workbench.approval_requested", minutes(7), toolIds=["a", "b"], contextType="x", **APPROVAL),
        event("workbench.approval_completed", minutes(9), approved=True, approverId="h", **APPROVAL),
        event("workbench.workflow_run_completed", minutes(10), status="completed", **RUN),
        event("workbench.session_ended", minutes(11), durationMs=660_000),
    ]
