"""1. Workbench KPIs: a row a persona, from the registry of KPIs."""

from collections.abc import Iterable

from kpis.registry import DEFINITIONS, Kind, Kpi, Persona
from metrics.dashboards.panels import Dashboard, Panel, PanelRow, Query
from metrics.dashboards.queries import Catalogue
from metrics.dashboards.shapes import DOLLARS, PER_MINUTE, SECONDS, SHARE, STEPS, bars, lines, table
from metrics.dashboards.variables import ENVIRONMENT, PERSONA, WINDOW

UNITS = {"ratio": SHARE, "seconds": SECONDS, "usd": DOLLARS}
CHOSEN = {"window": '="$window"', "persona": '=~"$persona"'}
# What the numerator of a KPI adds up, where it is no count.
NUMERATORS = {Kind.DURATION: "seconds", Kind.SUM: "dollars"}


def dashboard(families: Catalogue, kpis: Iterable[Kpi] = DEFINITIONS) -> Dashboard:
    kpis = list(kpis)
    rows = [PanelRow("All KPIs", _overview(families))]
    for persona in Persona:
        own = [kpi for kpi in kpis if kpi.persona is persona]
        if own:
            title = persona.value.replace("_", " ").capitalize()
            rows.append(PanelRow(title, [panel for kpi in own for panel in _panels(families, kpi)]))
    rows.append(PanelRow("Events and freshness", _events(families)))
    return Dashboard(
        uid="workbench-kpis",
        title="Workbench KPIs",
        description="Values of the KPIs against their targets and baselines, by persona.",
        variables=[ENVIRONMENT, PERSONA, WINDOW],
        rows=rows,
        range="now-7d",
        refresh="1m",
    )


def _overview(families: Catalogue) -> list[Panel]:
    return [
        table(
            "Values",
            Query(f"max by (kpi, persona, environment) ({families.gauge('workbench_kpi_value', **CHOSEN)})"),
            value="Value",
            description="A ratio, seconds or dollars: docs/kpis.md has the unit of each.",
            width=12,
        ),
        table(
            "On target",
            Query(
                f"max by (kpi, persona, environment) ({families.gauge('workbench_kpi_on_target', **CHOSEN)})"
            ),
            value="On target",
            unit="bool_yes_no",
            description="Only KPIs that have a target and enough events to be judged.",
            width=12,
        ),
    ]


def _panels(families: Catalogue, kpi: Kpi) -> list[Panel]:
    which = {"kpi": f'="{kpi.slug}"'}
    in_window = {**which, "window": '="$window"'}
    numerator = kpi.numerator_label or f"{kpi.title}, {NUMERATORS.get(kpi.kind, '')}".rstrip(", ")
    return [
        lines(
            kpi.title,
            *(
                Query(families.gauge(f"workbench_kpi_{part}", **in_window), f"{{{{environment}}}} {part}")
                for part in ("value", "target", "baseline")
            ),
            unit=UNITS[kpi.unit],
            style=STEPS,
            description=f"{kpi.definition} On target: {kpi.direction.words} the target.",
            width=16,
        ),
        lines(
            f"{kpi.title}: what it is made of",
            Query(
                f"60 * {families.rate('workbench_kpi_numerator_total', by='environment', **which)}",
                f"{{{{environment}}}} {numerator}",
            ),
            Query(
                f"60 * {families.rate('workbench_kpi_denominator_total', by='environment', **which)}",
                f"{{{{environment}}}} {kpi.denominator_label}",
            ),
            unit=PER_MINUTE,
            width=8,
        ),
    ]


def _events(families: Catalogue) -> list[Panel]:
    return [
        bars(
            "Events by type",
            Query(f"60 * {families.rate('workbench_events_total', by='event')}", "{{event}}"),
            unit=PER_MINUTE,
            width=16,
        ),
        lines(
            "Freshness",
            Query(families.gauge("portal_rollup_lag_seconds"), "{{environment}}"),
            unit=SECONDS,
            description="How far the KPIs are behind the events.",
            width=8,
        ),
    ]
