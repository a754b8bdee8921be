"""4. System health of the portal itself."""

from metrics.dashboards.panels import Dashboard, PanelRow, Query
from metrics.dashboards.queries import Catalogue, share
from metrics.dashboards.shapes import BYTES, PER_MINUTE, SECONDS, SHARE, STEPS, bars, lines, percentiles
from metrics.dashboards.variables import ENVIRONMENT

REQUESTS = "portal_http_request_duration_seconds"
STATEMENTS = "portal_database_query_seconds"


def dashboard(families: Catalogue) -> Dashboard:
    return Dashboard(
        uid="system-health",
        title="System health",
        description="The portal itself: answers, database, processes, and what waits to be computed.",
        variables=[ENVIRONMENT],
        rows=[_answers(families), _intake_and_rollup(families), _processes(families)],
    )


def _answers(families: Catalogue) -> PanelRow:
    every = families.rate(REQUESTS, sample="_count")
    return PanelRow(
        "Answers",
        [
            percentiles("API response", families.percentiles(REQUESTS)),
            lines(
                "Response by route, p95",
                Query(families.quantile(0.95, REQUESTS, by="route"), "{{route}}"),
                unit=SECONDS,
            ),
            lines(
                "Share of 4xx and 5xx",
                *(
                    Query(
                        share(
                            families.rate(REQUESTS, sample="_count", status_family=f'="{family}"'),
                            every,
                        ),
                        family,
                    )
                    for family in ("4xx", "5xx")
                ),
                unit=SHARE,
            ),
            bars(
                "Requests a minute",
                Query(
                    f"60 * {families.rate(REQUESTS, by='status_family', sample='_count')}",
                    "{{status_family}}",
                ),
                unit=PER_MINUTE,
            ),
            bars(
                "Errors by category",
                Query(f"60 * {families.rate('portal_http_errors_total', by='category')}", "{{category}}"),
                unit=PER_MINUTE,
            ),
            percentiles("Database statement", families.percentiles(STATEMENTS)),
        ],
    )


def _intake_and_rollup(families: Catalogue) -> PanelRow:
    return PanelRow(
        "Intake and rollup",
        [
            bars(
                "Events received",
                Query(
                    f"60 * {families.rate('portal_events_received_total', by='outcome')}",
                    "{{outcome}}",
                ),
                unit=PER_MINUTE,
            ),
            lines(
                "Rollup lag",
                Query(families.gauge("portal_rollup_lag_seconds"), "{{environment}}"),
                unit=SECONDS,
            ),
            lines(
                "Posts that wait",
                Query(families.gauge("portal_arrivals_pending"), "{{environment}}"),
                style=STEPS,
            ),
            lines(
                "Rollup stage, p95",
                Query(families.quantile(0.95, "portal_rollup_seconds", by="stage"), "{{stage}}"),
                unit=SECONDS,
            ),
            lines(
                "Quarantined events",
                Query(families.gauge("portal_quarantine_events"), "{{environment}}"),
            ),
            lines(
                "Used part of the series budgets",
                Query(
                    f"topk(5, {families.gauge('portal_metrics_series')} / on (family)"
                    f" max by (family) ({families.gauge('portal_metrics_series_budget')}))",
                    "{{family}}",
                ),
                unit=SHARE,
            ),
        ],
    )


def _processes(families: Catalogue) -> PanelRow:
    return PanelRow(
        "Processes",
        [
            lines(
                "Memory",
                Query(_by_worker(families, "portal_process_resident_memory_bytes"), "{{worker}}"),
                unit=BYTES,
            ),
            lines(
                "CPU",
                Query(families.rate("portal_process_cpu_seconds_total", by="worker"), "{{worker}}"),
                unit=SHARE,
                description="1 is one core.",
            ),
            lines(
                "Workers up",
                Query(_by_worker(families, "portal_worker_up"), "{{worker}}"),
                style=STEPS,
            ),
            lines(
                "Worker restarts",
                Query(families.increase("portal_worker_restarts_total", by="worker"), "{{worker}}"),
            ),
            lines(
                "Failed tasks a minute",
                Query(f"60 * {families.rate('portal_task_failures_total', by='task')}", "{{task}}"),
                unit=PER_MINUTE,
            ),
            lines(
                "Active streams",
                Query(families.gauge("appserver_active_streams"), "{{environment}}"),
                style=STEPS,
            ),
        ],
    )


def _by_worker(families: Catalogue, name: str) -> str:
    return f"sum by (worker) ({families.gauge(name)})"
