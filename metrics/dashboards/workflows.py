"""2. Workflow overview."""

from metrics.dashboards.panels import Dashboard, PanelRow, Query
from metrics.dashboards.queries import INTERVAL, RANGE, Catalogue, share
from metrics.dashboards.shapes import (
    PER_MINUTE,
    SECONDS,
    SHARE,
    STEPS,
    bars,
    figure,
    lines,
    percentiles,
    table,
)
from metrics.dashboards.variables import ENVIRONMENT, WORKFLOW

ENDED = {"status": '=~"completed|failed"'}
COMPLETED = {"status": '="completed"'}
CHOSEN = {"workflow": '=~"$workflow"'}
RUNS = "workflow_runs_total"
DURATION = "workflow_duration_seconds"
WAIT = "workflow_approval_wait_time_seconds"


def dashboard(families: Catalogue) -> Dashboard:
    return Dashboard(
        uid="workflow-overview",
        title="Workflow overview",
        description="How many workflows run, how long they take, and how they end.",
        variables=[ENVIRONMENT, WORKFLOW],
        rows=[_now(families), _runs(families), _durations(families)],
    )


def _now(families: Catalogue) -> PanelRow:
    return PanelRow(
        "Now",
        [
            figure("Workflows a minute", Query(f"60 * {families.rate(RUNS)}"), unit=PER_MINUTE, width=6),
            figure("Duration, p95", Query(families.quantile(0.95, DURATION)), unit=SECONDS, width=6),
            figure(
                "Active workflows",
                Query(f"sum({families.gauge('workflows_active')})"),
                description="Started within 24 hours and not completed.",
                width=6,
            ),
            figure(
                "Success rate",
                Query(_success(families, over=RANGE)),
                unit=SHARE,
                width=6,
                description="Completed, of those that completed or failed, over the chosen time.",
            ),
        ],
    )


def _runs(families: Catalogue) -> PanelRow:
    return PanelRow(
        "Runs",
        [
            bars(
                "Runs by end",
                Query(f"60 * {families.rate(RUNS, by='status')}", "{{status}}"),
                unit=PER_MINUTE,
                width=12,
            ),
            bars(
                "Runs by trigger",
                Query(f"60 * {families.rate(RUNS, by='trigger')}", "{{trigger}}"),
                unit=PER_MINUTE,
                width=12,
            ),
            lines(
                "Success rate", Query(_success(families, over=INTERVAL), "success rate"), unit=SHARE, width=12
            ),
            lines(
                "Active workflows",
                Query(families.gauge("workflows_active"), "{{environment}}"),
                style=STEPS,
                width=12,
            ),
        ],
    )


def _durations(families: Catalogue) -> PanelRow:
    return PanelRow(
        "Durations",
        [
            percentiles("Duration", families.percentiles(DURATION), width=12),
            lines(
                "Duration by end, p95",
                Query(families.quantile(0.95, DURATION, by="status"), "{{status}}"),
                unit=SECONDS,
                width=12,
            ),
            table(
                "Minutes by workflow",
                Query(families.increase("workflow_execution_minutes_total", by="workflow", **CHOSEN)),
                value="Minutes",
                unit="m",
                width=12,
            ),
            lines(
                "Wait for approvals, p90",
                Query(families.quantile(0.9, WAIT, by="approved"), "approved: {{approved}}"),
                unit=SECONDS,
                width=12,
            ),
        ],
    )


def _success(families: Catalogue, *, over: str) -> str:
    return share(families.rate(RUNS, over=over, **COMPLETED), families.rate(RUNS, over=over, **ENDED))
