"""6. App-server path."""

from collections.abc import Iterator

from metrics.dashboards.panels import Dashboard, Panel, PanelRow, Query
from metrics.dashboards.queries import Catalogue, share
from metrics.dashboards.shapes import PER_MINUTE, SECONDS, SHARE, STEPS, bars, lines, percentiles
from metrics.dashboards.variables import ENVIRONMENT, ROUTE

CHOSEN = {"route": '=~"$route"'}
REQUESTS = "appserver_requests_total"
DURATION = "appserver_request_duration_seconds"
BY_ENVIRONMENT = "{{environment}}"


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
                Query(families.gauge("appserver_active_streams"), BY_ENVIRONMENT),
                style=STEPS,
            ),
        ],
    )


def _workers(families: Catalogue) -> PanelRow:
    return PanelRow("Workers", [*_states(families), *_tool_buffers(families)])


def _states(families: Catalogue) -> Iterator[Panel]:
    restarts = families.increase("appserver_worker_restarts_total", by="environment")
    yield lines(
        "Restarts", Query(restarts, BY_ENVIRONMENT), description="Over the chosen time, up to each point."
    )
    for title, family, unit in (
        ("Longest backoff", "appserver_worker_backoff_seconds", SECONDS),
        ("Workers ready", "appserver_worker_ready", "short"),
        ("Maintenance", "appserver_maintenance", "bool_on_off"),
    ):
        yield lines(title, Query(families.gauge(family), BY_ENVIRONMENT), unit=unit, style=STEPS)


def _tool_buffers(families: Catalogue) -> Iterator[Panel]:
    states = ("started", "flushed", "aborted")
    yield bars(
        "Tool buffers",
        *(Query(f"60 * {families.rate(f'tool_buffer_{state}_total')}", state) for state in states),
        unit=PER_MINUTE,
    )
    started, flushed, aborted = (families.increase(f"tool_buffer_{state}_total") for state in states)
    aborted_share = share(
        families.rate("tool_buffer_aborted_total"), families.rate("tool_buffer_started_total")
    )
    yield lines(
        "Tool buffers that did not end well",
        Query(aborted_share, "aborted, of those started"),
        Query(f"{started} - {flushed} - {aborted}", "neither flushed nor aborted"),
        description="A share, and a number over the chosen time.",
    )
