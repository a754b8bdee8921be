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
        **kept(alert),
        "labels": {"severity": alert.severity.value},
        "annotations": {
            "summary": filled(alert.summary, alert=alert),
            "description": filled(alert.description, alert=alert),
        },
    }


def kept(entry: AlertEntry | KpiEntry) -> Rule:
    return {"keep_firing_for": entry.keep_firing_for} if entry.keep_firing_for else {}


def filled(text: str, *, alert: AlertEntry) -> str:
    # What is not of the alert ($labels, $value) is Prometheus's.
    return Template(text).safe_substitute(alert.with_)


def kpi_group(kpis: Iterable[Kpi], *, threshold: KpiEntry, portal: str) -> Rule:
    return {"name": "kpis", "rules": list(kpi_rules(kpis, threshold=threshold, portal=portal))}


def kpi_rules(kpis: Iterable[Kpi], *, threshold: KpiEntry, portal: str) -> Iterator[Rule]:
    """An alert for each KPI. The portal judges it: there is no verdict without a target or with too few events.

    A verdict that is too close to call keeps an alert that fires, and lets none fire (alerts/rules/kpis.py).
    `portal` is the portal's address, without a slash at its end; empty: the alerts link no page of it.
    """
    for kpi in kpis:
        which = f'{{kpi="{kpi.slug}",window="{threshold.window}"}}'
        value, verdict, is_close = (
            f"max by (kpi, persona, environment) (workbench_kpi_{name}{which})"
            for name in ("value", "on_target", "too_close_to_call")
        )
        fires = f'ALERTS{{alertname="KpiOffTarget",alertstate="firing",kpi="{kpi.slug}"}}'
        yield {
            "alert": "KpiOffTarget",
            # The value is what the text says.
            "expr": (
                f"{value}\n  and {verdict} == 0\n"
                f"  unless ({is_close} == 1\n    unless max by (kpi, persona, environment) ({fires}))"
            ),
            **kept(threshold),
            # They tell the rules apart; the samples have them too.
            "labels": {"severity": threshold.severity.value, "kpi": kpi.slug, "persona": kpi.persona.value},
            "annotations": {
                "summary": f"{kpi.title} is off target in {{{{ $labels.environment }}}}",
                "description": (
                    f"{formatted('$value', kpi=kpi)} over {threshold.window}{target_text(kpi, threshold=threshold)}, "
                    f"with enough events to judge. {kpi.definition}"
                ),
                **({"page_url": f"{portal}/kpis/{kpi.slug}/{OF_ENVIRONMENT}"} if portal else {}),
            },
        }


OF_ENVIRONMENT = "?environment={{ $labels.environment }}"


def formatted(value: str, *, kpi: Kpi) -> str:
    """A Prometheus template that writes the value in the KPI's unit."""
    match kpi.unit:
        case "ratio":
            return f"{{{{ {value} | humanizePercentage }}}}"
        case "seconds":
            return f"{{{{ {value} | humanizeDuration }}}}"
        case unit:
            return f"{{{{ {value} | printf `%.2f` }}}} {unit}"


def target_text(kpi: Kpi, *, threshold: KpiEntry) -> str:
    """A Prometheus template that asks for the target in force."""
    which = f"kpi='{kpi.slug}',window='{threshold.window}',environment='%s'"
    question = f'printf "workbench_kpi_target{{{which}}}" $labels.environment | query'
    target = formatted(". | first | value", kpi=kpi)
    return f"{{{{ with {question} }}}}, target {target}{{{{ end }}}}"
