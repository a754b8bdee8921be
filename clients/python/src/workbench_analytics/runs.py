"""Workflow runs and the agents in them as `with` blocks, which track their own start and end."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from time import monotonic
from types import TracebackType
from typing import Literal, TypeVar

from workbench_analytics.encoding import new_event_id
from workbench_analytics.events import Events

Status = Literal["completed", "failed", "cancelled"]
Trigger = Literal["user", "schedule", "webhook", "api", "system"]
W = TypeVar("W", bound="Work")

# The plan takes no longer ones: 30 days.
MAX_DURATION_MS = 30 * 24 * 60 * 60 * 1000


class Work(ABC):
    """What has a start and an end: for `with` and `async with`, once.

    It ends as `completed`; as `failed` when the block raises, with the class of the error and nothing else of it;
    and as `cancelled` when it is interrupted (asyncio.CancelledError, KeyboardInterrupt, SystemExit, …). What the
    block raises goes on. A `status` or an `error_type` that is set in the block wins.
    """

    status: Status | None = None
    error_type: str | None = None
    _started = 0.0

    def __enter__(self: W) -> W:
        self._started = monotonic()
        self._track_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status is None:
            self.status = _status_after(kind)
        if self.status == "failed" and self.error_type is None and kind is not None:
            self.error_type = kind.__name__[:200]
        duration_ms = round((monotonic() - self._started) * 1000)
        self._track_end(status=self.status, duration_ms=min(duration_ms, MAX_DURATION_MS))

    async def __aenter__(self: W) -> W:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    @abstractmethod
    def _track_start(self) -> None: ...

    @abstractmethod
    def _track_end(self, *, status: Status, duration_ms: int) -> None: ...


class Run(Work):
    """A workflow run; see Client.run. `run_id`, `trace_id` and `session_id` may be read."""

    def __init__(
        self,
        events: Events,
        *,
        run_id: str | None = None,
        session_id: str | None = None,
        trace_id: str | None = None,
        workflow_id: str | None = None,
        workflow_name: str | None = None,
        draft_id: str | None = None,
        trigger: Trigger | None = None,
        retry_of_run_id: str | None = None,
    ) -> None:
        self._events = events
        self.run_id = run_id or new_event_id()
        self.session_id = session_id or self.run_id
        self.trace_id = trace_id or new_event_id()
        self.workflow_id, self.workflow_name = workflow_id, workflow_name
        self.draft_id = draft_id
        self.trigger = trigger
        self.retry_of_run_id = retry_of_run_id

    def agent(
        self,
        *,
        name: str,
        agent_run_id: str | None = None,
        agent_id: str | None = None,
        action: str | None = None,
        model: str | None = None,
        attempt: int | None = None,
        parent_span_id: str | None = None,
    ) -> AgentRun:
        """The run of an agent, for `with run.agent(name="planner") as agent:`. Its ids are made."""
        return AgentRun(
            self._events,
            self,
            name=name,
            agent_run_id=agent_run_id,
            agent_id=agent_id,
            action=action,
            model=model,
            attempt=attempt,
            parent_span_id=parent_span_id,
        )

    def _track_start(self) -> None:
        self._events.workbench.workflow_run_started(
            session_id=self.session_id,
            run_id=self.run_id,
            draft_id=self.draft_id,
            workflow_id=self.workflow_id,
            workflow_name=self.workflow_name,
            trigger=self.trigger,
            retry_of_run_id=self.retry_of_run_id,
            trace_id=self.trace_id,
        )

    def _track_end(self, *, status: Status, duration_ms: int) -> None:
        self._events.workbench.workflow_run_completed(
            session_id=self.session_id,
            run_id=self.run_id,
            status=status,
            duration_ms=duration_ms,
            draft_id=self.draft_id,
            workflow_id=self.workflow_id,
            workflow_name=self.workflow_name,
            error_type=self.error_type,
            retry_of_run_id=self.retry_of_run_id,
            trace_id=self.trace_id,
        )


class AgentRun(Work):
    """One run of an agent; see Run.agent.

    `attempt`, `model`, `input_tokens`, `output_tokens` and `cost_usd` may be set until the block ends. The portal
    takes tokens or cost of the agent itself only where no model call of it reports any.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None

    def __init__(
        self,
        events: Events,
        run: Run,
        *,
        name: str,
        agent_run_id: str | None,
        agent_id: str | None,
        action: str | None,
        model: str | None,
        attempt: int | None,
        parent_span_id: str | None,
    ) -> None:
        self._events = events
        self.run = run
        self.name = name
        self.agent_run_id = agent_run_id or new_event_id()
        self.span_id = new_span_id()
        self.parent_span_id = parent_span_id
        self.agent_id, self.action, self.model, self.attempt = agent_id, action, model, attempt

    def agent(
        self,
        *,
        name: str,
        agent_run_id: str | None = None,
        agent_id: str | None = None,
        action: str | None = None,
        model: str | None = None,
        attempt: int | None = None,
    ) -> AgentRun:
        """The run of an agent that works for this one."""
        return self.run.agent(
            name=name,
            agent_run_id=agent_run_id,
            agent_id=agent_id,
            action=action,
            model=model,
            attempt=attempt,
            parent_span_id=self.span_id,
        )

    def model_called(
        self,
        *,
        model: str | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cost_usd: float | None = None,
        duration_ms: int | None = None,
        status: Status | None = None,
        error_type: str | None = None,
    ) -> str:
        """Track that this agent has called a model; returns the event's id. Without `model` it was the agent's."""
        return self._events.agent.model_called(
            session_id=self.run.session_id,
            trace_id=self.run.trace_id,
            span_id=new_span_id(),
            parent_span_id=self.span_id,
            run_id=self.run.run_id,
            agent_run_id=self.agent_run_id,
            model=model or self.model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cost_usd=cost_usd,
            duration_ms=duration_ms,
            status=status,
            error_type=error_type,
        )

    def _track_start(self) -> None:
        self._events.agent.run_started(
            session_id=self.run.session_id,
            run_id=self.run.run_id,
            agent_run_id=self.agent_run_id,
            agent_name=self.name,
            agent_id=self.agent_id,
            action=self.action,
            model=self.model,
            attempt=self.attempt,
            trace_id=self.run.trace_id,
            span_id=self.span_id,
            parent_span_id=self.parent_span_id,
        )

    def _track_end(self, *, status: Status, duration_ms: int) -> None:
        self._events.agent.run_completed(
            session_id=self.run.session_id,
            run_id=self.run.run_id,
            agent_run_id=self.agent_run_id,
            agent_name=self.name,
            status=status,
            agent_id=self.agent_id,
            action=self.action,
            model=self.model,
            duration_ms=duration_ms,
            error_type=self.error_type,
            attempt=self.attempt,
            cost_usd=self.cost_usd,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            trace_id=self.run.trace_id,
            span_id=self.span_id,
            parent_span_id=self.parent_span_id,
        )


class Runs(Events):
    """Events, and the runs that are made of them: mix it into a client."""

    def run(
        self,
        *,
        run_id: str | None = None,
        session_id: str | None = None,
        trace_id: str | None = None,
        workflow_id: str | None = None,
        workflow_name: str | None = None,
        draft_id: str | None = None,
        trigger: Trigger | None = None,
        retry_of_run_id: str | None = None,
    ) -> Run:
        """A workflow run, for `with client.run(workflow_id="w-1") as run:`. Ids that are not given are made.

        Without a session the run is a session of its own. `trace_id` leads from the portal to your tracing system.
        """
        return Run(
            self,
            run_id=run_id,
            session_id=session_id,
            trace_id=trace_id,
            workflow_id=workflow_id,
            workflow_name=workflow_name,
            draft_id=draft_id,
            trigger=trigger,
            retry_of_run_id=retry_of_run_id,
        )


def new_span_id() -> str:
    """16 hexadecimal digits, as W3C trace contexts have them: a letter and 60 random bits.

    Without a letter before them, 16 decimal digits may pass for the number of a credit card, which the portal refuses.
    """
    return "f" + os.urandom(8).hex()[1:]


def _status_after(kind: type[BaseException] | None) -> Status:
    if kind is None:
        return "completed"
    # That of concurrent.futures is an Exception; asyncio's and those of the system are not.
    is_failure = issubclass(kind, Exception) and kind.__name__ != "CancelledError"
    return "failed" if is_failure else "cancelled"
