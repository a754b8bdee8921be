"""What a rule finds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

import msgspec
from django.urls import reverse

from alerts.models import AlertSubject
from alerts.thresholds import AlertThreshold
from kpis.demo.loading import ENVIRONMENT as DEMO

# Nobody waits for what `load_demo` makes up, nor for the events of `manage.py smoke`: pages show their alerts alone.
UNTOLD_ENVIRONMENTS = frozenset({DEMO, "smoke"})


@dataclass(frozen=True, kw_only=True)
class AlertFinding:
    """That something is wrong now. The labels say what it is about; they are the same for as long as it lasts."""

    threshold: AlertThreshold
    environment: str = ""
    summary: str
    description: str
    more_labels: Mapping[str, str] = field(default_factory=dict)
    # The runbook and its section; None: the section of the runbook of alerts that is named like this one.
    runbook: tuple[str, str] | None = None
    # Path of the page with the numbers, if one page has them.
    page_url: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """As Prometheus's rule of the same name has them; labels without a value are left out."""
        labels = {
            "alertname": self.threshold.name,
            "severity": self.threshold.severity.value,
            "environment": self.environment,
            **self.more_labels,
        }
        return {name: value for name, value in labels.items() if value}

    @property
    def subject(self) -> AlertSubject:
        return AlertSubject(
            name=self.threshold.name, environment=self.environment, kpi=self.more_labels.get("kpi", "")
        )

    @property
    def fingerprint(self) -> str:
        """The same for the same labels."""
        pairs = sorted(self.labels.items())
        return sha256(msgspec.json.encode(pairs)).hexdigest()[:16]

    @property
    def runbook_url(self) -> str:
        """Path of the section on the portal's own page."""
        name, section = self.runbook or ("alerts", self.threshold.name.lower())
        return f"{reverse('runbook', args=[name])}#{section}"


@dataclass(frozen=True, kw_only=True)
class RuleResult:
    """What is wrong, and where the rule cannot tell: there its alerts stay as they are.

    What is in `undecided` keeps an alert that is open, and opens none.
    """

    findings: Sequence[AlertFinding] = ()
    undecided: Sequence[AlertFinding] = ()
    unknown_environments: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class AlertRule:
    """A rule of the portal's own, for one threshold.

    Where an incident of the topic `told_as` is open in its environment, people were told already, and in more detail.
    """

    threshold: AlertThreshold
    find: Callable[[datetime], RuleResult]
    told_as: str = ""
