"""6. App-server path."""

from metrics.dashboards.panels import Dashboard, PanelRow, Query
from metrics.dashboards.queries import Catalogue, share
from metrics.dashboards.shapes import PER_MINUTE, SECONDS, SHARE, STEPS, bars, lines, percentiles
from metrics.dashboards.variables import ENVIRONMENT, ROUTE

CHOSEN = {"route": '=~"$route"'}
REQUESTS = "appserver_requests_total"
DURATION = "appserver_request_duration_seconds"


def dashboard(families: Catalogue) -> Dashboard:
    return Dashboard(
        uid="app-server-path",
        title="App-server path",
        description="The app servers, as they report themselves: requests, streams, workers, tool buffers.",
        variables=[ENVIRONMENT, ROUTE],
        rows=[_requests(families), _workers(families)],
    )


def _requests(families: Catalogue) -> PanelRow:
    every = families.rate(REQUESTS, **CHOSEN)
    return PanelRow(
        "Requests",
        [
            bars(
                "Throughput",
                Query(f"60 * {families.rate(REQUESTS, by='route', **CHOSEN)}", "{{route}}"),
                unit=PER_MINUTE,
            ),
            percentiles("Latency", families.percentiles(DURATION, **CHOSEN)),
            lines(
                "Error rate",
                *(
                    Query(
                        share(families.rate(REQUESTS, **CHOSEN, status_family=f'="{family}"'), every),
                        family,
                    )
                    for family in ("4xx", "5xx")
                ),
                unit=SHARE,
            ),
            lines(
                "Latency by model, p95",
                Query(families.quantile(0.95, DURATION, by="model", **CHOSEN), "{{model}}"),
                unit=SECONDS,
            ),
            bars(
                "Errors by category",
                Query(f"60 * {families.rate('appserver_errors_total', by='category')}", "{{category}}"),
                unit=PER_MINUTE,
            ),
            lines(
                "Active streams",
                Query(families.gauge("appserver_active_streams"), "{{environment}}"),
                style=STEPS,
            ),
        ],
    )


def _workers(families: Catalogue) -> PanelRow:
    return PanelRow(
        "Workers",
        [
            lines(
                "Restarts",
                Query(
                    families.increase("appserver_worker_restarts_total", by="environment"),
                    "{{environment}}",
                ),
                description="Over the chosen time, up to each point.",
            ),
            lines(
                "Longest backoff",
                Query(families.gauge("appserver_worker_backoff_seconds"), "{{environment}}"),
                unit=SECONDS,
                style=STEPS,
            ),
            lines(
                "Workers ready",
                Query(families.gauge("appserver_worker_ready"), "{{environment}}"),
                style=STEPS,
            ),
            lines(
                "Maintenance",
                Query(families.gauge("appserver_maintenance"), "{{environment}}"),
                unit="bool_on_off",
                style=STEPS,
            ),
            bars(
                "Tool buffers",
                *(
                    Query(f"60 * {families.rate(f'tool_buffer_{state}_total')}", state)
                    for state in ("started", "flushed", "aborted")
                ),
                unit=PER_MINUTE,
            ),
            lines(
                "Tool buffers that did not end well",
                Query(
                    share(
                        families.rate("tool_buffer_aborted_total"),
                        families.rate("tool_buffer_started_total"),
                    ),
                    "aborted, of those started",
                ),
                Query(
                    f"{families.increase('tool_buffer_started_total')}"
                    f" - {families.increase('tool_buffer_flushed_total')}"
                    f" - {families.increase('tool_buffer_aborted_total')}",
                    "neither flushed nor aborted",
                ),
                description="A share, and a number over the chosen time.",
            ),
        ],
    )
