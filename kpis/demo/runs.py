"""Workflow runs, the agents that work in them and the approvals that they wait for."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from kpis.demo.day import Day
from kpis.demo.model_calls import call_models
from kpis.demo.team import FOUNDING_USERS, RELEASE_GROWTH

RESTRICTED_TOOLS = ("refund_payment", "change_contract", "restart_service", "send_letter")
ERRORS = ("Timeout", "ToolFailed", "InvalidInput", "RateLimited")
# The share of failed runs that nobody sat in front of and that a person starts again.
RETRIED = 0.6
# Dollars for a thousand tokens.
MODELS = {"model-small": 0.0006, "model-medium": 0.004, "model-large": 0.018}


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """A published workflow: how long it takes, how often it fails, its agents and its schedule.

    `released_failure_rate` is how often it fails since the release; None for as often as before.
    """

    name: str
    median_seconds: float
    failure_rate: float
    released_failure_rate: float | None = None
    agents: tuple[str, ...]
    scheduled_a_day: int = 0
    trigger: str = "schedule"
    reports_cost: bool = True


WORKFLOWS = (
    Workflow(
        name="ticket-triage",
        median_seconds=35,
        failure_rate=0.02,
        agents=("classifier", "writer"),
        scheduled_a_day=9,
        trigger="webhook",
    ),
    Workflow(
        name="invoice-matching",
        median_seconds=95,
        failure_rate=0.06,
        released_failure_rate=0.36,
        agents=("retriever", "matcher"),
        scheduled_a_day=5,
    ),
    Workflow(
        name="customer-onboarding",
        median_seconds=240,
        failure_rate=0.04,
        agents=("planner", "writer"),
    ),
    Workflow(
        name="weekly-report",
        median_seconds=410,
        failure_rate=0.03,
        agents=("retriever", "writer", "reviewer"),
        scheduled_a_day=1,
    ),
    Workflow(
        name="incident-summary",
        median_seconds=70,
        failure_rate=0.03,
        agents=("retriever", "writer"),
        scheduled_a_day=2,
        trigger="api",
    ),
    Workflow(
        name="nightly-cleanup",
        median_seconds=150,
        failure_rate=0.02,
        agents=(),
        scheduled_a_day=1,
        trigger="system",
        reports_cost=False,
    ),
)


@dataclass(frozen=True, kw_only=True)
class FailedRun:
    """A run that failed, and when that was known."""

    run: str
    at: datetime


def run_scheduled_workflows(day: Day) -> None:
    """Runs that no person starts: around the clock, as many on every day."""
    for workflow in WORKFLOWS:
        for _ in range(workflow.scheduled_a_day):
            session = day.identifier("engine")
            run_scheduled(day, workflow, session=session, now=day.at(hour=day.random.uniform(0, 24)))


def run_scheduled(day: Day, workflow: Workflow, *, session: str = "", now: datetime) -> None:
    """A run that no person starts, and its retry, which a person starts for many of those that fail."""
    session = session or day.identifier("engine")
    draft = f"d-live-{workflow.name}"
    failed = run_workflow(day, workflow, session=session, draft=draft, trigger=workflow.trigger, now=now)
    if failed is None:
        return
    # Ids and random numbers of its own: it changes nothing else of the day.
    aside = replace(
        day,
        random=Random(f"{day.seed}:{failed.run}"),  # noqa: S311 - made-up data, to be repeated
        name=f"{failed.run.removeprefix('run-')}r",
        identifier_count=0,
    )
    if aside.chance(RETRIED):
        at = failed.at + aside.seconds(median=90, spread=0.7)
        run_workflow(
            aside, workflow, session=session, draft=draft, trigger="user", now=at, retry_of=failed.run
        )


def run_workflow(
    day: Day,
    workflow: Workflow,
    *,
    session: str,
    draft: str,
    trigger: str,
    now: datetime,
    retry_of: str | None = None,
) -> FailedRun | None:
    """A run with its agents and sometimes an approval that it waits for; what is known of its failure."""
    run = day.identifier("run")
    trace, _ = day.trace()
    names = {
        "runId": run,
        "workflowId": f"wf-{workflow.name}",
        "workflowName": workflow.name,
        "traceId": trace,
        "retryOfRunId": retry_of,
    }
    day.add(
        "workbench.workflow_run_started", session=session, at=now, draftId=draft, trigger=trigger, **names
    )
    end = now
    if workflow.agents and day.chance(0.22):
        end = ask_approval(day, session=session, run=run, draft=draft, now=end + timedelta(seconds=5))
    share = workflow.median_seconds / max(len(workflow.agents), 1)
    for agent in workflow.agents:
        end = run_agent(
            day, agent, workflow=workflow, session=session, run=run, trace=trace, now=end, median=share
        )
    end += day.seconds(median=5 if workflow.agents else share, spread=0.4)
    failed = day.chance(failure_rate_of(workflow, day=day) * (3 if is_bad_day(day) else 1))
    status = "failed" if failed else day.random.choices(("completed", "cancelled"), weights=(97, 3))[0]
    day.add("workbench.workflow_run_completed", session=session, at=end, status=status,
            durationMs=(end - now) // timedelta(milliseconds=1) if day.chance(0.9) else None,
            errorType=day.random.choice(ERRORS) if failed else None, **names)  # fmt: skip
    return FailedRun(run=run, at=end) if failed else None


def failure_rate_of(workflow: Workflow, *, day: Day) -> float:
    if day.growth < RELEASE_GROWTH or workflow.released_failure_rate is None:
        return workflow.failure_rate
    return workflow.released_failure_rate


def is_bad_day(day: Day) -> bool:
    """An outage of a system that the workflows need, every second Thursday."""
    return day.date.weekday() == 3 and day.date.isocalendar().week % 2 == 0


def run_agent(
    day: Day,
    agent: str,
    *,
    workflow: Workflow,
    session: str,
    run: str,
    trace: str,
    now: datetime,
    median: float,
) -> datetime:
    """An agent's attempts, at most three, until one does not fail; returns when the last one ended."""
    model = day.random.choice(tuple(MODELS))
    for attempt in range(1, 4):
        now += timedelta(seconds=1)
        names = {
            "runId": run, "agentRunId": day.identifier("ar"), "agentName": agent, "agentId": f"agent-{agent}",
            "action": f"{agent}.work", "model": model, "attempt": attempt,
            "traceId": trace, "spanId": day.trace()[1],
        }  # fmt: skip
        day.add("agent.run_started", session=session, at=now, **names)
        lasted = day.seconds(median=median, spread=0.4)
        now += lasted
        status = day.random.choices(("completed", "failed", "cancelled"), weights=(950, 40, 10))[0]
        tokens = round(day.random.lognormvariate(7.2, 0.6))
        cost = (
            round(tokens * 1.3 / 1000 * MODELS[model], 6)
            if workflow.reports_cost and day.chance(0.9)
            else None
        )
        completed = {
            **names, "status": status, "durationMs": lasted // timedelta(milliseconds=1), "costUsd": cost,
            "inputTokens": tokens, "outputTokens": round(tokens * 0.3),
            "errorType": day.random.choice(ERRORS) if status == "failed" else None,
        }  # fmt: skip
        call_models(day, session=session, start=now - lasted, end=now, completed=completed)
        day.add("agent.run_completed", session=session, at=now, **completed)
        if status != "failed":
            break
    return now


def ask_approval(day: Day, *, session: str, run: str, draft: str, now: datetime) -> datetime:
    """A restricted tool waits for a person; returns when that person decided, or when the run stopped waiting."""
    tools = day.random.sample(RESTRICTED_TOOLS, k=day.random.choice((1, 1, 2)))
    has_id = day.chance(0.7)
    names = {"approvalId": day.identifier("ap") if has_id else None, "runId": run}
    day.add("workbench.approval_requested", session=session, at=now, toolIds=tools, contextType="workflow",
            draftId=draft, workflowId=None, **names)  # fmt: skip
    if day.chance(0.05):
        return now + timedelta(minutes=30)
    now += day.seconds(median=200, spread=0.85)
    day.add("workbench.approval_completed", session=session, at=now, approved=day.chance(0.88),
            toolIds=tools if day.chance(0.7) else None,
            approverId=f"user-{day.random.randrange(FOUNDING_USERS):02d}", **names)  # fmt: skip
    return now
