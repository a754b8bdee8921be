"""What the fold learns of things, for the plan's metrics: that a run ended, how long a session lasted.

An event says one half of such a fact; the fold finds the other half, and counts the fact once. The plan chooses by
these names which metrics they feed. workbench.fold.bridging says how each is found.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

DRAFT_EVENTS = ("workbench.draft_created", "workbench.draft_accepted")
SESSION_EVENTS = ("workbench.session_started", "workbench.session_ended")
RUN_EVENTS = ("workbench.workflow_run_started", "workbench.workflow_run_completed")
AGENT_EVENTS = ("agent.run_started", "agent.run_completed")
APPROVAL_EVENTS = ("workbench.approval_requested", "workbench.approval_completed")


class ValueKind(StrEnum):
    """What is measured of a fact. A duration is stored in microseconds, all others but whole numbers in millionths."""

    NONE = "none"
    DURATION = "duration"
    MONEY = "money"
    WHOLE = "whole"
    NUMBER = "number"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A kind of fact about a thing. Each field is a possible label; `open_fields` take any value of a client."""

    name: str
    meaning: str
    events: tuple[str, ...]
    value: ValueKind
    fields: frozenset[str] = frozenset()
    open_fields: frozenset[str] = frozenset()


def measure(
    name: str,
    meaning: str,
    *,
    events: tuple[str, ...],
    value: ValueKind,
    fields: str = "",
    open_fields: str = "",
) -> Measure:
    return Measure(
        name=name,
        meaning=meaning,
        events=events,
        value=value,
        fields=frozenset([*fields.split(), *open_fields.split()]),
        open_fields=frozenset(open_fields.split()),
    )


DEFINITIONS = (
    measure("session.duration", "how long a session lasted", events=SESSION_EVENTS, value=ValueKind.DURATION),
    measure(
        "draft.acceptance",
        "from a draft's first creation to its first acceptance",
        events=DRAFT_EVENTS,
        value=ValueKind.DURATION,
    ),
    measure(
        "workflow_run.ended",
        "a workflow run ended",
        events=RUN_EVENTS,
        value=ValueKind.NONE,
        fields="status trigger",
        open_fields="workflow",
    ),
    measure(
        "workflow_run.duration",
        "how long a workflow run took",
        events=RUN_EVENTS,
        value=ValueKind.DURATION,
        fields="status trigger",
        open_fields="workflow",
    ),
    measure(
        "workflow_run.cost",
        "what a workflow run cost: as its agent runs and model calls report it, else estimated from its duration",
        events=(*RUN_EVENTS, "agent.run_completed", "agent.model_called"),
        value=ValueKind.MONEY,
        open_fields="workflow",
    ),
    measure(
        "agent_run.ended",
        "an agent run ended",
        events=AGENT_EVENTS,
        value=ValueKind.NONE,
        fields="status",
        open_fields="agent error_type",
    ),
    measure(
        "agent_run.duration",
        "how long an agent run took",
        events=AGENT_EVENTS,
        value=ValueKind.DURATION,
        fields="status",
        open_fields="agent error_type",
    ),
    measure(
        "approval.wait",
        "from an approval's request to its decision",
        events=APPROVAL_EVENTS,
        value=ValueKind.DURATION,
        fields="approved",
    ),
)

MEASURES: Mapping[str, Measure] = MappingProxyType({measure.name: measure for measure in DEFINITIONS})
