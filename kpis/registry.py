"""The KPI registry: the definition of each KPI, as frozen data. kpis/compute/measures.py says how each is measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType


class Persona(StrEnum):
    AGENT = "agent"
    END_USER = "end_user"
    LEADERSHIP = "leadership"
    DOMAIN_EXPERT = "domain_expert"
    OPERATOR = "operator"


class Kind(StrEnum):
    """How a KPI's sums become its value: numerator / denominator, a percentile, or a sum."""

    RATIO = "ratio"
    DURATION = "duration"
    SUM = "sum"


class Direction(StrEnum):
    AT_LEAST = "at_least"
    AT_MOST = "at_most"

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """A KPI's definition. Whoever changes what it counts raises `version` and rebuilds the KPI."""

    slug: str
    title: str
    persona: Persona
    kind: Kind
    unit: str
    direction: Direction
    # For readers of the page: what is counted, of what, and what is left out.
    definition: str
    # Of a ratio: whether each thing of the denominator either counts in the numerator or does not. If not, it is one
    # count for each of another, and may be above 1. It decides on the interval of the value.
    is_proportion: bool | None = None
    # What the interval of the value leaves out of account, where readers have to know.
    interval_caveat: str = ""
    numerator_label: str = ""
    denominator_label: str = ""
    # The percentile (0 to 1) that is the value of a duration KPI.
    statistic: float = 0.5
    # The target until a Target row overrides it from a day on.
    target: Decimal | None = None
    # The target as a factor of the baseline, for a KPI that is judged against the time before the workbench.
    baseline_factor: Decimal | None = None
    dimensions: tuple[str, ...] = ()
    minimum_sample: int = 20
    version: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError: only the definition can say what the numerator of a ratio is to its denominator."""
        if (self.kind is Kind.RATIO) is (self.is_proportion is None):
            raise ValueError(f"{self.slug}: a ratio, and nothing else, says whether it is_proportion")

    @property
    def percentile_name(self) -> str:
        """The name of the percentile that is the value of a duration KPI: p95."""
        return f"p{round(self.statistic * 100)}"


DEFINITIONS = (
    Kpi(
        slug="template-suggestion-rate",
        title="Template suggestion rate",
        persona=Persona.AGENT,
        kind=Kind.RATIO,
        unit="ratio",
        direction=Direction.AT_LEAST,
        target=Decimal("0.30"),
        is_proportion=False,
        interval_caveat=(
            "Suggestions and messages are taken as two independent counts. Where the assistant suggests several "
            "templates at once, the true interval is wider."
        ),
        numerator_label="Templates suggested",
        denominator_label="Chat messages sent",
        definition=(
            "Templates that the assistant suggested, for each chat message that a user sent. "
            "It can be above 1 where the assistant suggests several templates for one message."
        ),
    ),
    Kpi(
        slug="time-to-create-workflow",
        title="Time to create a workflow",
        persona=Persona.END_USER,
        kind=Kind.DURATION,
        unit="seconds",
        direction=Direction.AT_MOST,
        statistic=0.5,
        baseline_factor=Decimal("0.5"),
        denominator_label="Drafts measured",
        dimensions=("source",),
        definition=(
            "The time from a draft's first creation to its first acceptance; the value is the median. A draft counts "
            "once, when it was accepted. Accepted drafts without a creation before their acceptance are excluded and "
            "counted as such."
        ),
    ),
    Kpi(
        slug="workbench-adoption",
        title="Workbench adoption",
        persona=Persona.LEADERSHIP,
        kind=Kind.RATIO,
        unit="ratio",
        direction=Direction.AT_LEAST,
        target=Decimal("0.80"),
        is_proportion=True,
        interval_caveat=(
            "Workflows that were entered by hand count like all others. What may be wrong with an entered count is not "
            "in the interval."
        ),
        numerator_label="Drafts accepted",
        denominator_label="Workflows made in any way",
        dimensions=("origin",),
        definition=(
            "Drafts accepted in the workbench as a share of all workflows made: those drafts, the workflows that other "
            "systems reported, and the counts that were entered by hand. Where no other origin was ever reported it "
            "cannot be measured."
        ),
    ),
    Kpi(
        slug="template-usage-rate",
        title="Template usage rate",
        persona=Persona.DOMAIN_EXPERT,
        kind=Kind.RATIO,
        unit="ratio",
        direction=Direction.AT_LEAST,
        target=Decimal("0.50"),
        is_proportion=True,
        numerator_label="Accepted drafts that used a template",
        denominator_label="Drafts accepted",
        definition=(
            "Accepted drafts that used a template: one was inserted at or before the acceptance, or the draft was "
            "created or accepted from a template. A draft counts once, when it was first accepted."
        ),
    ),
    Kpi(
        slug="workflow-success-rate",
        title="Workflow success rate",
        persona=Persona.OPERATOR,
        kind=Kind.RATIO,
        unit="ratio",
        direction=Direction.AT_LEAST,
        is_proportion=True,
        numerator_label="Runs completed",
        denominator_label="Runs completed or failed",
        dimensions=("workflow", "trigger"),
        definition=(
            "Workflow runs that completed, of those that completed or failed; cancelled runs are left out. "
            "A run counts once, at its earliest completion."
        ),
    ),
    Kpi(
        slug="workflow-duration",
        title="Workflow duration",
        persona=Persona.OPERATOR,
        kind=Kind.DURATION,
        unit="seconds",
        direction=Direction.AT_MOST,
        statistic=0.95,
        denominator_label="Runs measured",
        dimensions=("workflow", "status"),
        definition=(
            "How long workflow runs took; the value is the 95th percentile. The duration that the completion reports, "
            "else the time from start to completion. A run counts once, at its earliest completion."
        ),
    ),
    Kpi(
        slug="approval-wait",
        title="Approval wait",
        persona=Persona.OPERATOR,
        kind=Kind.DURATION,
        unit="seconds",
        direction=Direction.AT_MOST,
        statistic=0.9,
        denominator_label="Approvals measured",
        dimensions=("approved",),
        definition=(
            "The time from an approval's request to its decision; the value is the 90th percentile. An approval counts "
            "when it was decided."
        ),
    ),
    Kpi(
        slug="approval-rate",
        title="Approval rate",
        persona=Persona.OPERATOR,
        kind=Kind.RATIO,
        unit="ratio",
        direction=Direction.AT_LEAST,
        is_proportion=True,
        numerator_label="Approved",
        denominator_label="Approvals decided",
        definition=(
            "Approvals that were granted, of all that were decided. "
            "An approval counts once, when it was decided."
        ),
    ),
    Kpi(
        slug="agent-failure-rate",
        title="Agent failure rate",
        persona=Persona.OPERATOR,
        kind=Kind.RATIO,
        unit="ratio",
        direction=Direction.AT_MOST,
        is_proportion=True,
        numerator_label="Agent runs failed",
        denominator_label="Agent runs completed or failed",
        dimensions=("agent",),
        definition=(
            "Agent runs that failed, of those that completed or failed; cancelled ones are left out. "
            "An agent run counts once, at its earliest completion."
        ),
    ),
    Kpi(
        slug="execution-cost",
        title="Execution cost",
        persona=Persona.OPERATOR,
        kind=Kind.SUM,
        unit="usd",
        direction=Direction.AT_MOST,
        denominator_label="Runs with a cost",
        dimensions=("workflow",),
        definition=(
            "What executions cost: the cost that agent runs or their model calls report, when the agent run completes; "
            "that of model calls without an agent; for a workflow run without any such report, its minutes at the "
            "configured rate, at its completion."
        ),
    ),
)

REGISTRY: Mapping[str, Kpi] = MappingProxyType({kpi.slug: kpi for kpi in DEFINITIONS})
