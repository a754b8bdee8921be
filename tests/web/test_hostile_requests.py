"""Every route, whoever asks for it and however: nobody can make the portal fail."""

from datetime import datetime
from random import Random

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from telemetry.keys import create_key
from telemetry.models import Scope
from tests.routes import all_routes
from tests.telemetry.posts import send

ROUTES = all_routes()
ROLES = ("anonymous", *Scope.values, "user", "superuser")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
# All of them on every route would take minutes; the choice differs from role to role.
METHODS_A_ROUTE = 3
# The admin leads everybody else away before any of its views is asked: of four roles one asks for a page of it.
METHODS_A_CLOSED_ROUTE = 1
ROLES_A_TURN = 4
BODIES = (
    (b"", "application/json"),
    (b"{", "application/json"),
    (b'{"events":[{}]}', "text/plain; charset=utf-8"),
    (b"\xff\0", "application/octet-stream"),
    (b"[" * 2_000, "application/json"),
    (b"a=%ff&b=%00&action=delete_selected&_selected_action=x", "application/x-www-form-urlencoded"),
    (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
    (b"{}", "application/json; charset=bz2_codec"),
    (b"x", "multipart/form-data; boundary="),
)
QUERIES = (
    "",
    "a=b",
    "key=x",
    "%ff=%00",
    "e=1",
    "o=9.9.-x",
    "p=99999999999",
    "q=%00",
    "format=csv",
    "from=x&to=y",
    "limit=-1",
    "_to_field=",
    "_popup=1&_to_field=%00",
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"HTTP_ACCEPT": "\xff"},
    {"HTTP_HOST": "evil"},
    {"HTTP_ACCEPT": "text/csv;q=x, */*"},
    {"HTTP_CONTENT_ENCODING": "zstd"},
    {"HTTP_COOKIE": "sessionid=\xff; csrftoken=" + "a" * 5_000},
    {"HTTP_RANGE": "bytes=9-1", "HTTP_IF_NONE_MATCH": '"', "HTTP_IF_MODIFIED_SINCE": "x"},
    {"HTTP_REFERER": "\xff", "HTTP_ORIGIN": "http://["},
    {"HTTP_X_FORWARDED_FOR": "\xff", "HTTP_X_FORWARDED_PROTO": "x"},
    {"HTTP_CE_SPECVERSION": "1.0", "HTTP_CE_ID": "%ff"},
    {"HTTP_AUTHORIZATION": "Basic \xff"},
    {"HTTP_AUTHORIZATION": "Bearer wb_ingest_" + "x" * 43},
)


def credentials_of(role: str, *, now: datetime) -> dict[str, str]:
    """The header that makes a request one of this role."""
    if role == "anonymous":
        return {}
    if role in Scope.values:
        _, secret = create_key(scope=role, environment="production", source="web", now=now)
        return {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
    users = get_user_model().objects
    made = users.create_superuser if role == "superuser" else users.create_user
    client = Client()
    client.force_login(made(role, f"{role}@example.com", "x"))
    return {"HTTP_COOKIE": f"sessionid={client.cookies['sessionid'].value}"}


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_no_request_to_any_route_makes_the_portal_fail(role: str, now: datetime) -> None:
    credentials = credentials_of(role, now=now)
    random = Random(role)
    failed = []

    for number, route in enumerate(ROUTES):
        is_closed = route.pattern.startswith("admin/") and role != "superuser"
        if is_closed and (number + ROLES.index(role)) % ROLES_A_TURN:
            continue
        for method in random.sample(METHODS, k=METHODS_A_CLOSED_ROUTE if is_closed else METHODS_A_ROUTE):
            body, content_type = random.choice(BODIES)
            query, headers = random.choice(QUERIES), {**random.choice(HEADERS), **credentials}
            path = route.path + random.choice(("", "", "", "/", "x", "\xe9", "\0"))
            if route.name == "logout":
                continue
            answer = send(body, method=method, path=path, query=query, **headers, CONTENT_TYPE=content_type)
            if answer.status_code >= 500 and not (
                answer.status_code == 503 and "Retry-After" in answer.headers
            ):
                failed.append((answer.status_code, method, path, query, content_type, headers))

    assert failed == []
