"""Runs and agents as `with` blocks: what they track, however their work ends."""

import asyncio
import concurrent.futures
import contextlib
import logging
import re
import socket

import pytest
from workbench_analytics import Client, Runs
from workbench_analytics import runs as module

from telemetry.plan import get_plan

STARTED, COMPLETED = "workbench.workflow_run_started", "workbench.workflow_run_completed"


class Recorder(Runs):
    """A client that keeps what is tracked."""

    def __init__(self):
        self.tracked = []

    def track(self, event, *, session_id, properties=None, timestamp=None, event_id=None):
        given = {name: value for name, value in properties.items() if value is not None}
        self.tracked.append((event, session_id, given))
        return "e-1"

    def only(self, event):
        [properties] = [properties for name, _, properties in self.tracked if name == event]
        return properties


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Each look at the clock is a quarter of a second after the one before."""
    moments = iter(number / 4 for number in range(1_000))
    monkeypatch.setattr(module, "monotonic", lambda: next(moments))


def end_with(recorder, error):
    with pytest.raises(type(error)), recorder.run() as run, run.agent(name="planner"):
        raise error
    return recorder.only(COMPLETED), recorder.only("agent.run_completed")


def test_run_tracks_its_start_and_its_end(recorder):
    with recorder.run(
        run_id="r-2", session_id="s-1", trace_id="t-1", workflow_id="w-1", workflow_name="Triage",
        draft_id="d-1", trigger="api", retry_of_run_id="r-1",
    ):  # fmt: skip
        assert [event for event, _, _ in recorder.tracked] == [STARTED]

    both = {
        "runId": "r-2", "traceId": "t-1", "workflowId": "w-1", "workflowName": "Triage", "draftId": "d-1",
        "retryOfRunId": "r-1",
    }  # fmt: skip
    assert recorder.tracked == [
        (STARTED, "s-1", {**both, "trigger": "api"}),
        (COMPLETED, "s-1", {**both, "status": "completed", "durationMs": 250}),
    ]


def test_agents_tell_what_was_set_before_their_end(recorder):
    run = recorder.run(run_id="r-1", trace_id="t-1")
    with run, run.agent(name="planner", agent_run_id="a-1", agent_id="p", action="plan") as agent:
        agent.model, agent.attempt = "opus", 2
        agent.input_tokens, agent.output_tokens, agent.cost_usd = 900, 80, 0.02

    both = {"runId": "r-1", "agentRunId": "a-1", "agentName": "planner", "agentId": "p", "action": "plan"}
    spans = {"traceId": "t-1", "spanId": agent.span_id}
    figures = {"inputTokens": 900, "outputTokens": 80, "costUsd": 0.02}
    assert recorder.tracked[1:3] == [
        ("agent.run_started", "r-1", {**both, **spans}),
        (
            "agent.run_completed",
            "r-1",
            {
                **both,
                **spans,
                "status": "completed",
                "model": "opus",
                "durationMs": 250,
                "attempt": 2,
                **figures,
            },
        ),
    ]


def test_agents_and_their_model_calls_hang_below_the_agent_they_work_for(recorder):
    with recorder.run() as run, run.agent(name="planner", model="opus") as planner:
        with planner.agent(name="searcher") as searcher:
            searcher.model_called(model="haiku", input_tokens=5, status="failed", error_type="Timeout")
        planner.model_called(output_tokens=7, cost_usd=0.01, duration_ms=20)

    calls = [properties for event, _, properties in recorder.tracked if event == "agent.model_called"]
    parents = {
        p["agentName"]: p.get("parentSpanId") for e, _, p in recorder.tracked if e == "agent.run_started"
    }
    assert parents == {"planner": None, "searcher": planner.span_id}
    assert [(call["parentSpanId"], call["agentRunId"], call["model"]) for call in calls] == [
        (searcher.span_id, searcher.agent_run_id, "haiku"),
        (planner.span_id, planner.agent_run_id, "opus"),
    ]
    assert {properties["traceId"] for _, _, properties in recorder.tracked} == {run.trace_id}


def test_ids_are_made_as_traces_have_them_and_never_twice(recorder):
    with recorder.run() as run, run.agent(name="a") as first, run.agent(name="b") as second:
        second.model_called()

    assert all(re.fullmatch("[0-9a-f]{32}", made) for made in (run.run_id, run.trace_id))
    spans = {first.span_id, second.span_id, recorder.only("agent.model_called")["spanId"]}
    assert len(spans) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", span) for span in spans)
    assert first.agent_run_id != second.agent_run_id
    assert {session for _, session, _ in recorder.tracked} == {run.run_id}


def test_what_raises_is_failed_with_the_class_of_the_error_only(recorder):
    for properties in end_with(recorder, LookupError("the user's own words")):
        assert (properties["status"], properties["errorType"]) == ("failed", "LookupError")
    assert "words" not in str(recorder.tracked)


@pytest.mark.parametrize(
    "error",
    [asyncio.CancelledError(), concurrent.futures.CancelledError(), KeyboardInterrupt(), SystemExit(1)],
    ids=["asyncio", "futures", "interrupt", "exit"],
)
def test_what_is_interrupted_is_cancelled(recorder, error):
    for properties in end_with(recorder, error):
        assert properties["status"] == "cancelled"
        assert "errorType" not in properties


def test_what_the_block_says_of_its_end_wins(recorder):
    with contextlib.suppress(LookupError), recorder.run() as run:
        run.status = "cancelled"
        with run.agent(name="planner") as agent:
            agent.status, agent.error_type = "failed", "BadAnswer"
        raise LookupError

    assert recorder.only("agent.run_completed")["errorType"] == "BadAnswer"
    assert (recorder.only(COMPLETED)["status"], run.error_type) == ("cancelled", None)


def test_a_task_that_is_cancelled_is_cancelled(recorder):
    async def work():
        async with recorder.run() as run, run.agent(name="planner"):
            await asyncio.sleep(60)

    async def cancel():
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert asyncio.run(cancel())
    assert recorder.only(COMPLETED)["status"] == recorder.only("agent.run_completed")["status"] == "cancelled"


def test_a_longer_duration_than_the_plan_allows_is_cut(recorder, monkeypatch):
    moments = iter([0.0, 40 * 86_400.0])
    monkeypatch.setattr(module, "monotonic", lambda: next(moments))

    with recorder.run():
        pass

    maximum = get_plan().events[COMPLETED].by_name["durationMs"].maximum
    assert recorder.only(COMPLETED)["durationMs"] == maximum


@pytest.mark.parametrize("options", [{}, {"consent": False}, {"sync": True, "exit_seconds": 0.05}], ids=str)
def test_work_goes_on_without_a_portal(options, caplog):
    caplog.set_level(logging.CRITICAL)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = Client(f"http://127.0.0.1:{unused.getsockname()[1]}", "wb_key", **options)
        with client.run(workflow_id=object()) as run, run.agent(name=None) as agent:
            agent.cost_usd = float("nan")
            agent.model_called(input_tokens=object())
            worked = True
        client.shutdown(0)
    assert worked
