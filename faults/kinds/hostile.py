"""Generated requests over every route of the URL conf: odd methods, headers, queries and bodies of each role."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from random import Random

from faults.requests import Request, ask
from faults.stage import Stage

REQUESTS = 2_000
SHORT_REQUESTS = 200
CLIENTS = 4
SEED = 7

METHODS = ("GET", "GET", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW")
QUERIES = (
    "",
    "",
    "?%00",
    "?key=%ff%fe",
    "?from=0000-00-00&to=9999-99-99",
    "?environment=%00&granularity=century",
    "?_to_field=id",
    "?_popup=1&_to_field=password",
    "?e=1&o=-1.999&p=99999999999999999999&q=%F0%9F%92%A3",
    "?id__in=" + "1," * 500,
    "?limit=-1&format=exe",
    "?" + "&".join(f"a{number}=1" for number in range(1_200)),
    "?next=//evil.example/",
)
ENDINGS = ("", "", "", "%00", "%ff", "../../", ";a=b", "%0d%0aSet-Cookie:a=b", "\u00e4", "9" * 300)
HEADERS: Sequence[dict[str, str]] = (
    {},
    {},
    {"Host": "evil.example"},
    {"Host": ""},
    {"Content-Type": "multipart/form-data; boundary="},
    {"Content-Type": "multipart/form-data; boundary=x", "Content-Encoding": "gzip"},
    {"Content-Type": "application/json; charset=bz2_codec"},
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "br"},
    {"Accept": "text/csv;q=abc, */*;q=-1"},
    {"Cookie": "csrftoken=" + "a" * 32},
    {"Cookie": "sessionid=%00; csrftoken=\u00ff"},
    {"Authorization": "Bearer \u00ff\u0001"},
    {"Authorization": "Basic ////"},
    {"X-Forwarded-For": "127.0.0.1, evil", "X-Forwarded-Proto": "https"},
    {"X-Request-ID": "a" * 5_000},
    {"Range": "bytes=0-,-1,5-2"},
    {"If-Modified-Since": "yesterday"},
    {"Origin": "null", "Access-Control-Request-Method": "POST"},
)
BODIES = (
    b"",
    b"",
    b"{",
    b"null",
    b'{"events": [null, 1, "a", [], {}]}',
    b'{"events": [{"event": "\\ud800", "properties": {"\\u0000": 1e999}}]}',
    b'{"batch": [{"event": 1, "properties": {"a": NaN}}], "api_key": "\\u0000"}',
    b"username=%00&password=%ff&next=javascript:1",
    b"csrfmiddlewaretoken=&_selected_action=1&action=delete_selected",
    b"--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n",
    b"\x1f\x8b\x08\x00broken",
    b"[" * 3_000,
)


def send_hostile_requests(stage: Stage) -> None:
    """No answer is a fault of the portal, but 503 with Retry-After."""
    requests = generate(stage, count=SHORT_REQUESTS if stage.is_short else REQUESTS)

    def send(request: Request) -> None:
        answer = ask(request, port=stage.portal.port)
        if not answer.is_allowed_to_anybody:
            stage.expect(False, f"{request.method} {request.path[:80]}: {answer.status}")

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(send, requests))


def generate(stage: Stage, *, count: int) -> list[Request]:
    """As many requests, half of them to the admin, which has most of the routes; all are met if they suffice."""
    dice = Random(SEED)
    paths = [path for _, path in stage.portal.prepared["routes"]]
    dice.shuffle(paths)
    admin = cycle(path for path in paths if path.startswith("/admin/"))
    others = cycle(path for path in paths if not path.startswith("/admin/"))
    roles = list(stage.portal.prepared["visitors"].values())
    turns = islice(cycle((admin, others)), count)
    return [make_request(dice, path=next(turn), role=dice.choice(roles)) for turn in turns]


def make_request(dice: Random, *, path: str, role: dict[str, str]) -> Request:
    return Request(
        method=dice.choice(METHODS),
        path=path + dice.choice(ENDINGS) + dice.choice(QUERIES),
        headers={**role, **dice.choice(HEADERS)},
        body=dice.choice(BODIES),
    )
