"""Critical lines of the health report as alerts of the portal's own."""

from datetime import datetime

from django.utils.text import slugify

from alerts.rules.findings import AlertFinding, AlertRule, RuleResult
from alerts.thresholds import HEALTH_CRITICAL
from config.health.findings import HealthStatus
from config.health.report import CHECKS, HealthCheck, checked

# What people must act on though nothing else shows it. The other lines have alerts of their own, or say that the
# process that would find them does not run.
ALERTING = ("disk", "partitions", "retention")


def find_critical(now: datetime) -> RuleResult:
    found = ((check, checked(check, now=now)) for check in CHECKS if check.name in ALERTING)
    return RuleResult(
        findings=[
            critical_finding(check, text=finding.text)
            for check, finding in found
            if finding.status is HealthStatus.CRITICAL
        ]
    )


def critical_finding(check: HealthCheck, *, text: str) -> AlertFinding:
    return AlertFinding(
        threshold=HEALTH_CRITICAL,
        more_labels={"check": check.name},
        summary=f"Health: {check.title} is critical",
        description=f"{check.title}: {text}. {check.action}",
        runbook=("health", slugify(check.title)),
    )


RULE = AlertRule(threshold=HEALTH_CRITICAL, find=find_critical)
