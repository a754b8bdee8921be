"""5. Cost tracking."""

from metrics.dashboards.panels import Dashboard, PanelRow, Query
from metrics.dashboards.queries import INTERVAL, Catalogue
from metrics.dashboards.shapes import DOLLARS, bars, figure, lines, pie, table
from metrics.dashboards.variables import ENVIRONMENT, WORKFLOW

CHOSEN = {"workflow": '=~"$workflow"'}
COST = "workflow_cost_usd_total"
MINUTES = "workflow_execution_minutes_total"


def dashboard(families: Catalogue) -> Dashboard:
    return Dashboard(
        uid="cost-tracking",
        title="Cost tracking",
        description="What executions cost and how long they ran, by workflow.",
        variables=[ENVIRONMENT, WORKFLOW],
        range="now-7d",
        refresh="1m",
        rows=[_costs(families)],
    )


def _costs(families: Catalogue) -> PanelRow:
    return PanelRow(
        "Costs",
        [
            figure("Cost", Query(families.increase(COST, **CHOSEN)), unit=DOLLARS, width=6, height=8),
            pie(
                "Cost by workflow",
                Query(families.increase(COST, by="workflow", **CHOSEN), "{{workflow}}"),
                unit=DOLLARS,
                width=9,
            ),
            table(
                "Cost of each workflow",
                Query(families.increase(COST, by="workflow environment", **CHOSEN)),
                value="Cost",
                unit=DOLLARS,
                width=9,
            ),
            lines(
                "Cost of a day",
                Query(families.increase(COST, by="environment", over="1d", **CHOSEN), "{{environment}}"),
                unit=DOLLARS,
                description="Of the 24 hours before each point.",
                width=12,
            ),
            bars(
                "Execution minutes",
                Query(
                    families.increase(MINUTES, by="workflow", over=INTERVAL, **CHOSEN),
                    "{{workflow}}",
                ),
                unit="m",
                width=12,
            ),
            lines(
                "Cost of a minute",
                Query(
                    f"{families.rate(COST, by='workflow', **CHOSEN)}"
                    f" / ({families.rate(MINUTES, by='workflow', **CHOSEN)} > 0)",
                    "{{workflow}}",
                ),
                unit=DOLLARS,
                width=24,
            ),
        ],
    )
