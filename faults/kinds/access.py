"""The access matrix: what each role is answered on every route of the URL conf, from this machine."""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from faults.requests import RawRequest, ask, step_back
from faults.stage import Stage

NOBODY = "anonymous disabled"
KEYS = "ingest read metrics admin-key expired revoked"
STAFF = "staff admin superuser"
READERS = f"viewer analyst operator {STAFF}"
PEOPLE = f"user {READERS}"
ROLES = f"anonymous {KEYS} {PEOPLE} disabled".split()
# Where the answer depends on the row, the model or the body: anything but a fault of the portal.
ANY = "any"
# Sent elsewhere or refused, but shown nothing.
SHUT = "shut"
FIRST_SENDER = IPv4Address("127.1.0.1")
# As many as keep both of the web server's workers busy.
CLIENTS = 3


@dataclass(frozen=True)
class Rule:
    """`routes` is a regular expression for whole routes, `most` the status that most roles are answered.

    `others` are roles with another answer. Where two entries name a role, the later one counts.
    """

    method: str
    routes: str
    most: str
    others: Mapping[str, str] = field(default_factory=dict)

    def matches(self, method: str, route: str) -> bool:
        return method == self.method and re.fullmatch(self.routes, route) is not None

    def answer(self, role: str) -> str:
        named = [answer for roles, answer in self.others.items() if role in roles.split()]
        return named[-1] if named else self.most


PROTOCOL_POSTS = (
    r"\^((v1|beacon/v1|api/s|api/s/s2s)/\(\?P<route>.*|(batch|capture|e|i/v0/e|i/v1/analytics/events)/\?\$)"
)
PROTOCOL_CONFIGS = r"\^((flags|decide|sourceConfig)/.*|array/.*|v1/projects/.*)"
PAGES = (
    r"|kpis/<slug:slug>/|live/|runs/|runs/<path:run_id>/|agents/|costs/|funnel/|funnel/sessions/|alerts/|plan/.*|slos/|runbooks/<slug:name>/|login/.*|logout/|language/|favicon\.ico|healthz|readyz|account/.*|.*password/reset/.*"
    r"|invitations/<str:token>/|runs/<path:run_id>/retry/|annotations/.*"
    r"|shared-links/.*|shared/<str:token>/|embed/<str:token>/"
    r"|overview/arrange/|kpis/<slug:slug>/counted/|kpis/<slug:slug>/changes/|sessions/<path:session_id>/|drafts/<path:draft_id>/|approvals/<path:approval_id>/"
)

# Apps whose tables are in the admin.
TABLES = "alerts|audit|auth|digests|kpis|objectives|people|sharing|telemetry|usersessions|workbench"

# The first that matches counts. Posts have no body and no CSRF token: they show who is stopped, and at what.
RULES: Sequence[Rule] = (
    Rule("GET", r"admin/login/", "302", {"user viewer analyst operator": "403"}),
    Rule("GET", rf"admin/({TABLES})/.*", "302", {STAFF: ANY, "staff": SHUT}),
    Rule("GET", r"admin/|admin/runbooks/health/", "302", {STAFF: "200"}),
    Rule("GET", r"admin/.*", "302", {STAFF: ANY}),
    Rule(
        "GET",
        r"|kpis/<slug:slug>/|kpis/<slug:slug>/changes/|agents/|costs/|funnel/|alerts/|plan/|slos/|runbooks/<slug:name>/",
        "302",
        {PEOPLE: "200", "user": "403"},
    ),
    # Buttons post to it.
    Rule("GET", r"overview/arrange/", "405"),
    # Analysts annotate. The one that is asked for is not there.
    Rule(
        "GET", r"annotations/add/", "302", {PEOPLE: "403", f"analyst operator {STAFF}": "200", "staff": "403"}
    ),
    Rule(
        "GET",
        r"annotations/<int:pk>/",
        "302",
        {PEOPLE: "403", f"analyst operator {STAFF}": "404", "staff": "403"},
    ),
    # Analysts share pages. The form is asked for no page. Strangers who have no link find nothing.
    Rule("GET", r"shared-links/", "302", {PEOPLE: "403", f"analyst operator {STAFF}": "200", "staff": "403"}),
    Rule(
        "GET",
        r"shared-links/add/",
        "302",
        {PEOPLE: "403", f"analyst operator {STAFF}": "404", "staff": "403"},
    ),
    Rule("GET", r"shared-links/<int:pk>/revoke/", "405"),
    Rule("GET", r"shared/<str:token>/|embed/<str:token>/", "404"),
    # Events are for analysts, and those who may do more.
    Rule("GET", r"live/", "302", {PEOPLE: "403", f"analyst operator {STAFF}": "200", "staff": "403"}),
    # Neither the event nor the rejected one that is asked for is there. The latter is for analysts.
    Rule("GET", r"plan/<path:event>/", "302", {PEOPLE: "404", "user": "403"}),
    Rule("GET", r"plan/rejected/<int:pk>/", "302", {PEOPLE: "404", "user staff viewer": "403"}),
    # What counted, and things one by one, are for who may explore. The things that are asked for are not there.
    Rule(
        "GET",
        r"kpis/<slug:slug>/counted/",
        "302",
        {PEOPLE: "403", f"analyst operator {STAFF}": "200", "staff": "403"},
    ),
    Rule(
        "GET",
        r"(sessions/<path:session_id>|drafts/<path:draft_id>|approvals/<path:approval_id>)/",
        "302",
        {PEOPLE: "403", f"analyst operator {STAFF}": "404", "staff": "403"},
    ),
    # Runs are for operators. The one that is asked for is not there.
    Rule("GET", r"runs/", "302", {PEOPLE: "403", f"operator {STAFF}": "200", "staff": "403"}),
    # No step is asked for.
    Rule(
        "GET", r"funnel/sessions/", "302", {PEOPLE: "403", f"analyst operator {STAFF}": "404", "staff": "403"}
    ),
    Rule("GET", r"runs/<path:run_id>/", "302", {PEOPLE: "403", f"operator {STAFF}": "404", "staff": "403"}),
    # No run has this id.
    Rule(
        "GET",
        r"runs/<path:run_id>/retry/",
        "302",
        {PEOPLE: "403", "operator admin superuser": "404"},
    ),
    Rule("GET", r"login/", "200", {PEOPLE: "302"}),
    Rule("GET", r"login/passkey/", "200", {PEOPLE: ANY}),
    Rule("GET", r"login/second-factor/", "302"),
    Rule("GET", r"login/sso/.*", "404"),
    Rule("GET", r"login/closed/", "200"),
    Rule("GET", r"invitations/<str:token>/", "404"),
    Rule("GET", r".*password/reset/.*", "200"),
    # Those who have no second factor, and no password with which they could prove who they are.
    Rule("GET", r"account/(confirm/.*|second-factor/.+|password/.*)", "302", {PEOPLE: ANY}),
    # Analysts subscribe to digests.
    Rule(
        "GET",
        r"account/digest/(preview/|preview/mail/)?",
        "302",
        {PEOPLE: "403", f"analyst operator {STAFF}": "200", "staff": "403"},
    ),
    Rule("GET", r"account/digest/send/", "405"),
    # The token belongs to no subscription. Who knows one needs neither a session nor a token of a form.
    Rule("GET", r"digests/unsubscribe/<str:token>/", "404"),
    Rule("POST", r"digests/unsubscribe/<str:token>/", "404"),
    Rule("GET", r"account/.*", "302", {PEOPLE: "200"}),
    Rule("GET", r"logout/", "405"),
    # A GET changes nothing, and leads back to where it came from.
    Rule("GET", r"favicon\.ico|language/", "302"),
    Rule("GET", r"healthz|readyz|api/docs/|api/schema/", "200"),
    Rule("GET", r"metrics|api/workbench/metrics", "200"),
    Rule("GET", r"api/health/", "403", {NOBODY: "401", f"metrics admin-key {STAFF}": "200"}),
    # Only a key erases and exports (docs/privacy.md), whoever is signed in.
    Rule("GET", r"api/erasures/|api/subjects/export/", "401", {KEYS: "403", "admin-key": "405"}),
    Rule("GET", r"api/erasures/<int:pk>/", "401", {KEYS: "403", "admin-key": "404"}),
    Rule(
        "GET",
        r"api/(activity|kpis|slos|agents|costs|funnel|annotations)/.*",
        "403",
        {NOBODY: "401", f"read {READERS}": "200"},
    ),
    Rule("GET", r"api/runs/", "403", {NOBODY: "401", f"read operator {STAFF}": "200", "staff": "403"}),
    Rule(
        "GET",
        r"api/runs/<path:run_id>/",
        "403",
        {NOBODY: "401", f"read operator {STAFF}": "404", "staff": "403"},
    ),
    # No key retries a run, and a post needs a CSRF token.
    Rule("GET", r"api/runs/<path:run_id>/retry/", "403", {"operator admin superuser": "405"}),
    # No event has the name that is asked for.
    Rule("GET", r"api/plan/events/<path:event>/", "403", {NOBODY: "401", f"read {READERS}": "404"}),
    Rule("GET", r"api/plan/events/", "403", {NOBODY: "401", f"read {READERS}": "200"}),
    Rule("GET", r"api/plan/.*", "200", {NOBODY: "401", "expired revoked user": "403"}),
    Rule("GET", r"api/ingest/recent/", "401", {KEYS: "403", "ingest": "200"}),
    Rule("GET", rf"api/workbench/telemetry|api/alerts/webhook/|\^v1/(m|traces)/\?\$|{PROTOCOL_POSTS}", "405"),
    Rule("GET", PROTOCOL_CONFIGS, "200"),
    Rule("POST", rf"admin/.*|{PAGES}", "403"),
    Rule("POST", r"api/docs/|api/schema/", "405", {PEOPLE: "403"}),
    Rule("POST", r"metrics|api/workbench/metrics|api/ingest/recent/", "405"),
    Rule("POST", r"api/health/", "403", {NOBODY: "401", "metrics admin-key": "405"}),
    Rule("POST", r"api/erasures/|api/subjects/export/", "401", {KEYS: "403", "admin-key": "400"}),
    Rule("POST", r"api/erasures/<int:pk>/", "401", {KEYS: "403", "admin-key": "405"}),
    Rule("POST", r"api/runs/<path:run_id>/retry/", "403"),
    # A key of scope annotate is none of these roles.
    Rule("POST", r"api/annotations/", "401", {KEYS: "403"}),
    Rule(
        "POST", r"api/(activity|kpis|runs|slos|agents|costs|funnel)/.*", "403", {NOBODY: "401", "read": "405"}
    ),
    Rule("POST", r"api/plan/events/.*", "403", {NOBODY: "401", "read": "405"}),
    Rule("POST", r"api/plan/.*", "403", {NOBODY: "401", "ingest read metrics admin-key": "405"}),
    Rule("POST", r"api/workbench/telemetry", "401", {KEYS: "403", "ingest": "400"}),
    # A key of scope alerts is none of these roles.
    Rule("POST", r"api/alerts/webhook/", "401", {KEYS: "403"}),
    Rule("POST", r"\^v1/traces/\?\$", "401", {KEYS: "403", "ingest": "415"}),
    # Their senders may have the key in the body.
    Rule("POST", PROTOCOL_POSTS, "400", {KEYS: "403", "ingest": "400"}),
    Rule("POST", r"\^v1/m/\?\$", "200"),
    Rule("POST", PROTOCOL_CONFIGS, ANY),
)


def check_access(stage: Stage) -> None:
    """Each route with each role and method; a route without a rule is a complaint."""
    routes: Sequence[tuple[str, str]] = stage.portal.prepared["routes"]

    def check(number: int) -> None:
        route, path = routes[number]
        # An address may ask for the pages of an account 40 times: each route has another one.
        check_route(stage, route=route, path=path, sender=str(FIRST_SENDER + number))

    with ThreadPoolExecutor(CLIENTS, initializer=step_back) as clients:
        list(clients.map(check, range(len(routes))))


def check_route(stage: Stage, *, route: str, path: str, sender: str) -> None:
    visitors: Mapping[str, Mapping[str, str]] = stage.portal.prepared["visitors"]
    for method in ("GET", "POST"):
        expected = expected_answers(method, route)
        stage.expect(expected is not None, f"{method} {route} is not in the access matrix")
        if expected is not None:
            requests = [RawRequest(method=method, path=path, headers=visitors[role]) for role in ROLES]
            statuses = [ask(request, port=stage.portal.port, sender=sender).status for request in requests]
            is_right = all(map(is_allowed, statuses, expected))
            stage.expect(is_right, f"{method} {route}: {statuses}, not {expected}")


def expected_answers(method: str, route: str) -> list[str] | None:
    """In the order of ROLES; None for a route that no rule speaks of."""
    rule = next((rule for rule in RULES if rule.matches(method, route)), None)
    return None if rule is None else [rule.answer(role) for role in ROLES]


def is_allowed(status: int, expected: str) -> bool:
    ranges = {ANY: range(200, 500), SHUT: range(300, 500)}
    return status in ranges[expected] if expected in ranges else str(status) == expected
