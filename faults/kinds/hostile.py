"""Generated requests over every route of the URL conf: each method and role, with odd headers, queries and bodies."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import islice, product
from random import Random

from benchmarks.memory import parent_by_pid
from faults.kinds import hostile_parts as parts
from faults.requests import Answer, RawRequest, ask, step_back
from faults.stage import Stage

FIRST_SENDER = IPv4Address("127.2.0.1")
SENDERS = 500
# Of all combinations, about twice as many: every path is met with every method by some of the roles.
REQUESTS = 20_000
SHORT_REQUESTS = 300
CLIENTS = 6
SEED = 7
# How many are listed of those that were answered wrongly.
MOST_COMPLAINTS = 20

# The last two are no methods.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "BREW")
MIGHTIEST = "superuser"
MORE_METHODS = ("GET", "POST") * 4
CSRF_TOKEN = "a" * 32


@dataclass(frozen=True, kw_only=True)
class HostileRequest:
    """A request with its number: the same number is the same request in every run."""

    number: int
    role: str
    request: RawRequest

    def describe(self, answer: Answer, *, role_headers: Mapping[str, str]) -> str:
        """All that it takes to send it again; the role's own key or session is left out."""
        own = {name: value for name, value in self.request.headers.items() if role_headers.get(name) != value}
        return (
            f"request {self.number} as {self.role} was answered {answer.status}: "
            f"{self.request.method} {self.request.path!a} headers={own!a} body={self.request.body!a}"
        )


def send_hostile_requests(stage: Stage) -> None:
    """No answer is a fault of the portal, but 503 with Retry-After; and no web worker dies of one."""
    workers, roles = web_workers(stage), stage.portal.prepared["visitors"]
    paths = [path for _, path in stage.portal.prepared["routes"]]
    requests = islice(generate(paths, roles=roles), SHORT_REQUESTS if stage.is_short else REQUESTS)

    def send(hostile: HostileRequest) -> None:
        # An address may ask for the pages of signing in 40 times; here many clients ask.
        sender = str(FIRST_SENDER + hostile.number % SENDERS)
        answer = ask(hostile.request, port=stage.portal.port, sender=sender)
        if not answer.is_allowed_to_anybody and len(stage.complaints) < MOST_COMPLAINTS:
            stage.expect(False, hostile.describe(answer, role_headers=roles[hostile.role]))

    with ThreadPoolExecutor(CLIENTS, initializer=step_back) as clients:
        list(clients.map(send, requests))
    stage.expect(web_workers(stage) == workers, "a web worker ended")
    # Else the rest of the requests were anybody's.
    own_page = ask(RawRequest(method="GET", path="/admin/", headers=roles[MIGHTIEST]), port=stage.portal.port)
    stage.expect(own_page.status == 200, "the superuser was signed out")


def web_workers(stage: Stage) -> set[int]:
    web = stage.portal.child("web")
    return {pid for pid, parent in parent_by_pid().items() if parent == web}


def generate(
    paths: Sequence[str], *, roles: Mapping[str, Mapping[str, str]], seed: int = SEED
) -> Iterator[HostileRequest]:
    """Each path with each method of each role, in any order; the superuser, who reaches most, has more."""
    dice = Random(seed)
    combinations = [*product(paths, METHODS, roles), *product(paths, MORE_METHODS, [MIGHTIEST])]
    dice.shuffle(combinations)
    for number, (path, method, role) in enumerate(combinations):
        request = make_request(dice, method=method, path=path, role=roles[role])
        yield HostileRequest(number=number, role=role, request=request)


def make_request(dice: Random, *, method: str, path: str, role: Mapping[str, str]) -> RawRequest:
    content_type, body = parts.content(dice)
    return RawRequest(
        method=method,
        path=parts.path_of(dice, path) + parts.query(dice, path),
        headers={
            **content_type,
            **(with_csrf_token(role) if "logout" not in path and dice.random() < 0.5 else role),
            **parts.headers(dice),
        },
        body=body,
    )


def with_csrf_token(role: Mapping[str, str]) -> dict[str, str]:
    """The role's headers, with which forms are taken. (Not to sign out: the session is needed on.)"""
    cookies = "; ".join(filter(None, [role.get("Cookie", ""), f"csrftoken={CSRF_TOKEN}"]))
    return {**role, "Cookie": cookies, "X-CSRFToken": CSRF_TOKEN}
