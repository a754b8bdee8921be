"""3. Agent performance."""

from metrics.dashboards.panels import Dashboard, PanelRow, Query
from metrics.dashboards.queries import Catalogue, share
from metrics.dashboards.shapes import PER_MINUTE, SECONDS, SHARE, bars, heatmap, lines, percentiles, table
from metrics.dashboards.variables import AGENT, ENVIRONMENT

CHOSEN = {"agent": '=~"$agent"'}
RUNS = "agent_runs_total"
DURATION = "agent_duration_seconds"


def dashboard(families: Catalogue) -> Dashboard:
    return Dashboard(
        uid="agent-performance",
        title="Agent performance",
        description="How long agents take, how often they fail and are tried again.",
        variables=[ENVIRONMENT, AGENT],
        rows=[_executions(families), _durations(families)],
    )


def _executions(families: Catalogue) -> PanelRow:
    failed = families.rate(RUNS, by="agent", **CHOSEN, status='="failed"')
    ended = families.rate(RUNS, by="agent", **CHOSEN, status='=~"completed|failed"')
    return PanelRow(
        "Executions",
        [
            bars(
                "Executions a minute",
                Query(f"60 * {families.rate(RUNS, by='agent', **CHOSEN)}", "{{agent}}"),
                unit=PER_MINUTE,
                width=12,
            ),
            lines("Failure rate", Query(share(failed, ended), "{{agent}}"), unit=SHARE, width=12),
            bars(
                "Errors by type",
                Query(
                    f"60 * {families.rate('agent_errors_total', by='error_type', **CHOSEN)}",
                    "{{error_type}}",
                ),
                unit=PER_MINUTE,
                width=12,
            ),
            lines(
                "Retries a minute",
                Query(f"60 * {families.rate('agent_retries_total', by='agent', **CHOSEN)}", "{{agent}}"),
                unit=PER_MINUTE,
                width=12,
            ),
        ],
    )


def _durations(families: Catalogue) -> PanelRow:
    return PanelRow(
        "Durations",
        [
            heatmap(
                "Duration",
                Query(families.rate(DURATION, by="le", sample="_bucket", **CHOSEN), "{{le}}"),
                width=12,
            ),
            percentiles("Duration", families.percentiles(DURATION, **CHOSEN), width=12),
            lines(
                "Duration by agent, p95",
                Query(families.quantile(0.95, DURATION, by="agent", **CHOSEN), "{{agent}}"),
                unit=SECONDS,
                width=12,
            ),
            table(
                "Most expensive agents",
                Query(families.increase(DURATION, by="agent", sample="_sum", **CHOSEN)),
                value="Time at work",
                unit=SECONDS,
                description="By the time that their runs took: costs are counted by workflow.",
                width=12,
            ),
        ],
    )
