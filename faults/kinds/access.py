"""The access matrix: what each role is answered on every route of the URL conf, from this machine."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from faults.requests import Request, ask
from faults.stage import Stage

ROLES = ("anonymous", "ingest", "read", "metrics", "user", "superuser")
# Where the answer depends on the row, the model or the body: anything but a fault of the portal.
ANY = "any"


@dataclass(frozen=True)
class Rule:
    """`routes` is a regular expression for whole routes; `answers` are statuses in the order of ROLES."""

    method: str
    routes: str
    answers: str

    def matches(self, method: str, route: str) -> bool:
        return method == self.method and re.fullmatch(self.routes, route) is not None


PROTOCOL_POSTS = (
    r"\^((v1|beacon/v1|api/s|api/s/s2s)/\(\?P<route>.*|(batch|capture|e|i/v0/e|i/v1/analytics/events)/\?\$)"
)
PROTOCOL_CONFIGS = r"\^((flags|decide|sourceConfig)/.*|array/.*|v1/projects/.*)"
PAGES = r"|kpis/<slug:slug>/|login/|logout/|favicon\.ico|healthz|readyz"

# The first that matches counts. Posts have no body and no CSRF token: they show who is stopped, and at what.
RULES: Sequence[Rule] = (
    Rule("GET", r"admin/login/", "302 302 302 302 403 302"),
    Rule("GET", r"admin/.*", "302 302 302 302 302 any"),
    Rule("GET", r"|kpis/<slug:slug>/", "302 302 302 302 200 200"),
    Rule("GET", r"login/", "200 200 200 200 302 302"),
    Rule("GET", r"logout/", "405 405 405 405 405 405"),
    Rule("GET", r"favicon\.ico", "302 302 302 302 302 302"),
    Rule("GET", r"healthz|readyz|api/docs/|api/schema/", "200 200 200 200 200 200"),
    Rule("GET", r"metrics|api/workbench/metrics", "200 200 200 200 200 200"),
    Rule("GET", r"api/kpis/.*", "401 403 200 403 200 200"),
    Rule("GET", r"api/plan/.*", "401 200 200 200 200 200"),
    Rule("GET", r"api/ingest/recent/", "401 200 403 403 401 401"),
    Rule("GET", rf"api/workbench/telemetry|\^v1/m/\?\$|{PROTOCOL_POSTS}", "405 405 405 405 405 405"),
    Rule("GET", PROTOCOL_CONFIGS, "200 200 200 200 200 200"),
    Rule("POST", rf"admin/.*|{PAGES}", "403 403 403 403 403 403"),
    Rule("POST", r"api/docs/|api/schema/", "405 405 405 405 403 403"),
    Rule("POST", r"metrics|api/workbench/metrics|api/ingest/recent/", "405 405 405 405 405 405"),
    Rule("POST", r"api/kpis/.*", "401 403 405 403 403 403"),
    Rule("POST", r"api/plan/.*", "401 405 405 405 403 403"),
    Rule("POST", r"api/workbench/telemetry", "401 400 403 403 401 401"),
    # Their senders may have the key in the body.
    Rule("POST", PROTOCOL_POSTS, "400 400 403 403 400 400"),
    Rule("POST", r"\^v1/m/\?\$", "200 200 200 200 200 200"),
    Rule("POST", PROTOCOL_CONFIGS, "any any any any any any"),
)


def check_access(stage: Stage) -> None:
    """Each route with each role and method; a route without a rule is a complaint."""
    visitors: Mapping[str, Mapping[str, str]] = stage.portal.prepared["visitors"]
    for route, path in stage.portal.prepared["routes"]:
        for method in ("GET", "POST"):
            expected = expected_answers(method, route)
            stage.expect(expected is not None, f"{method} {route} is not in the access matrix")
            if expected is not None:
                statuses = [
                    ask(
                        Request(method=method, path=path, headers=visitors[role]), port=stage.portal.port
                    ).status
                    for role in ROLES
                ]
                is_right = all(map(is_allowed, statuses, expected))
                stage.expect(is_right, f"{method} {route}: {statuses}, not {expected}")


def expected_answers(method: str, route: str) -> list[str] | None:
    """In the order of ROLES; None for a route that no rule speaks of."""
    rule = next((rule for rule in RULES if rule.matches(method, route)), None)
    return None if rule is None else rule.answers.split()


def is_allowed(status: int, expected: str) -> bool:
    return 200 <= status < 500 if expected == ANY else str(status) == expected
