"""A team at work: posts of runs, approvals and chat requests, some of which go wrong, as long as it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from threading import Event, Thread

from benchmarks.breach.portal import Document, Portal, document

POSTS_A_SECOND = 15
# One in so many goes wrong.
FAILED_RUN, LATE_APPROVAL, FAILED_CHAT = 10, 5, 50
LATE, SOON = timedelta(minutes=20), timedelta(minutes=2)


@contextmanager
def traffic(portal: Portal) -> Iterator[None]:
    """Posts go on, however they are answered. Raises what kept a post from being answered at all."""
    is_over, faults = Event(), list[OSError]()

    def post() -> None:
        for number in count(1):
            if is_over.wait(1 / POSTS_A_SECOND):
                return
            try:
                portal.send(business(number))
            except OSError as fault:
                faults.append(fault)

    thread = Thread(target=post, name="traffic", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
    if faults:
        raise faults[0]


def business(number: int) -> list[Document]:
    """A run, an approval and a chat request."""
    run = {"runId": f"run-{number}", "draftId": "d-1"}
    approval = {"approvalId": f"approval-{number}", "toolIds": ["t-1"]}
    request = {"route": "/api/chat", "method": "POST", "durationMs": 40}
    ended = "failed" if number % FAILED_RUN == 0 else "completed"
    answered = 500 if number % FAILED_CHAT == 0 else 200
    asked = LATE if number % LATE_APPROVAL == 0 else SOON
    return [
        document("workbench.workflow_run_started", run, ago=SOON),
        document("workbench.workflow_run_completed", {**run, "status": ended}),
        document("workbench.approval_requested", {**approval, "contextType": "run"}, ago=asked),
        document("workbench.approval_completed", {**approval, "approved": True}),
        document("appserver.request_completed", {**request, "status": answered}),
    ]
