"""7. SLOs: the error budgets, from what the rules of `manage.py export_rules` record."""

from metrics.dashboards.panels import Dashboard, Panel, PanelRow, Query
from metrics.dashboards.queries import Catalogue
from metrics.dashboards.shapes import SHARE, figure, lines, table
from metrics.dashboards.variables import OBJECTIVE

CHOSEN = '{objective=~"$objective"}'
NAME = "{{objective}} {{environment}}"
# Windows of the alerts: two that page, two that make a ticket.
WINDOWS = ("1h", "6h", "1d", "3d")


def dashboard(_: Catalogue) -> Dashboard:
    """No family is asked: Prometheus records the samples."""
    left, target = f"objective:budget_left:ratio{CHOSEN}", f"objective:target:ratio{CHOSEN}"
    return Dashboard(
        uid="slos",
        title="SLOs",
        description="What is left of the error budgets, and how fast they are spent.",
        variables=[OBJECTIVE],
        range="now-24h",
        rows=[
            PanelRow(
                "Budgets",
                [
                    figure("Budget left", Query(left, NAME), unit=SHARE, width=24, height=6),
                    lines("Budget left", Query(left, NAME), unit=SHARE, width=12),
                    table(
                        "Target",
                        Query(f"max by (objective) ({target})"),
                        value="Target",
                        unit=SHARE,
                        width=12,
                    ),
                ],
            ),
            PanelRow("Burn rates", [_burn_rate(window) for window in WINDOWS]),
        ],
    )


def _burn_rate(window: str) -> Panel:
    ratio = f"objective:bad_ratio:rate{window}{CHOSEN}"
    budget = f"(1 - objective:target:ratio{CHOSEN})"
    return lines(
        f"Burn rate over {window}",
        Query(f"{ratio} / on (objective) group_left () {budget}", NAME),
        description="1 spends the budget exactly within its window.",
        width=12,
    )
