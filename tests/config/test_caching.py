"""No cache keeps what one person or key may read; static files keep their own rules."""

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from tests.builders import make_secret

pytestmark = pytest.mark.django_db

KEPT_NOWHERE = [
    "/",
    "/kpis/approval-rate/",
    "/admin/",
    "/admin/auth/user/",
    "/api/kpis/",
    "/nothing",
    "/login/",
]


@pytest.mark.parametrize("path", KEPT_NOWHERE)
def test_no_cache_keeps_a_page_or_a_figure(admin_client: Client, path: str) -> None:
    words = admin_client.get(path).headers["Cache-Control"]

    assert {"private", "no-store"} <= set(words.split(", "))


@pytest.mark.parametrize("path", ["/", "/login/", "/admin/", "/api/kpis/"])
def test_no_cache_keeps_what_a_stranger_is_answered(client: Client, path: str) -> None:
    assert "no-store" in client.get(path).headers["Cache-Control"]


def test_static_files_pass_before_the_rule() -> None:
    order = [name.rpartition(".")[2] for name in settings.MIDDLEWARE]

    assert order.index("WhiteNoiseMiddleware") < order.index("CacheControlMiddleware")


def read_plan(path: str, *, secret: str, etag: str = "") -> HttpResponse:
    headers = {"X-Workbench-Key": secret, **({"If-None-Match": etag} if etag else {})}
    return Client(headers=headers).get(path)


@pytest.mark.parametrize("path", ["/api/plan/", "/api/plan/schema.json"])
def test_the_plan_is_sent_once_to_who_keeps_its_etag(path: str) -> None:
    secret = make_secret()
    first = read_plan(path, secret=secret)

    second = read_plan(path, secret=secret, etag=first.headers["ETag"])
    other = read_plan(path, secret=secret, etag='"another"')

    assert (first.status_code, first.headers["Cache-Control"]) == (200, "private, no-cache")
    assert (second.status_code, second.content) == (304, b"")
    assert (other.status_code, other.content) == (200, first.content)


def test_an_etag_does_not_stand_for_a_key() -> None:
    etag = read_plan("/api/plan/", secret=make_secret()).headers["ETag"]

    assert read_plan("/api/plan/", secret="wb_read_nobody", etag=etag).status_code == 401
