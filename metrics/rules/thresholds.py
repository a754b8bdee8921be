"""The alerts on thresholds, of metrics/thresholds.yaml, and one for each KPI of the registry."""

from collections.abc import Iterable, Iterator, Sequence
from string import Template

from alerts.thresholds import AlertEntry, KpiEntry
from kpis.registry import Kpi
from metrics.rules.maintenance import missing_maintenance
from metrics.rules.promql import Rule


def threshold_group(alerts: Sequence[AlertEntry]) -> Rule:
    # Maintenance stands before what it holds back.
    rules = [*missing_maintenance(alerts), *(threshold_rule(alert) for alert in alerts)]
    return {"name": "thresholds", "rules": rules}


def threshold_rule(alert: AlertEntry) -> Rule:
    return {
        "alert": alert.alert,
        "expr": filled(alert.expr, alert=alert),
        **({"for": alert.for_} if alert.for_ else {}),
        "labels": {"severity": alert.severity.value},
        "annotations": {
            "summary": filled(alert.summary, alert=alert),
            "description": filled(alert.description, alert=alert),
        },
    }


def filled(text: str, *, alert: AlertEntry) -> str:
    # What is not of the alert ($labels, $value) is Prometheus's.
    return Template(text).safe_substitute(alert.with_)


def kpi_group(kpis: Iterable[Kpi], *, threshold: KpiEntry) -> Rule:
    return {"name": "kpis", "rules": list(kpi_rules(kpis, threshold=threshold))}


def kpi_rules(kpis: Iterable[Kpi], *, threshold: KpiEntry) -> Iterator[Rule]:
    """An alert for each KPI. The portal judges it: there is no verdict without a target or with too few events."""
    for kpi in kpis:
        which = f'{{kpi="{kpi.slug}",window="{threshold.window}"}}'
        yield {
            "alert": "KpiOffTarget",
            "expr": f"max by (kpi, persona, environment) (workbench_kpi_on_target{which}) == 0",
            # They tell the rules apart; the samples have them too.
            "labels": {"severity": threshold.severity.value, "kpi": kpi.slug, "persona": kpi.persona.value},
            "annotations": {
                "summary": f"{kpi.title} is off target in {{{{ $labels.environment }}}}",
                "description": f"Over {threshold.window}, with enough events to judge. {kpi.definition}",
            },
        }
