"""The dashboards as files: deploy/grafana/dashboards/<uid>.json."""

from collections.abc import Callable
from pathlib import Path

from metrics.dashboards import agents, app_servers, budgets, costs, health, kpis, workflows
from metrics.dashboards.panels import Dashboard, dashboard_text
from metrics.dashboards.queries import Catalogue, catalogue_of
from telemetry.plan import TrackingPlan

FOLDER = Path("deploy/grafana/dashboards")
DASHBOARDS: tuple[Callable[[Catalogue], Dashboard], ...] = (
    kpis.dashboard,
    workflows.dashboard,
    agents.dashboard,
    health.dashboard,
    costs.dashboard,
    app_servers.dashboard,
    budgets.dashboard,
)


def dashboards(plan: TrackingPlan) -> list[Dashboard]:
    """All dashboards. Raises UnknownFamily if one asks for what no scrape shows."""
    families = catalogue_of(plan)
    return [make(families) for make in DASHBOARDS]


def dashboard_files(plan: TrackingPlan, *, root: Path) -> dict[Path, str]:
    """The text of each file. `root` is the project's folder."""
    return {
        root / FOLDER / f"{dashboard.uid}.json": dashboard_text(dashboard) for dashboard in dashboards(plan)
    }


def superfluous_files(texts: dict[Path, str], *, root: Path) -> list[Path]:
    """Files in the folder that no dashboard writes."""
    return sorted(set((root / FOLDER).glob("*.json")) - texts.keys())
