import gzip

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from web.middleware import PageCompressionMiddleware, ProxyHeadersMiddleware

STRICT = "default-src 'self'"


def scheme_and_secure_cookie(request: HttpRequest) -> tuple[str, bool]:
    """The scheme that a view sees, and whether the cookie that it sets leaves as Secure."""

    def view(request: HttpRequest) -> HttpResponse:
        response = HttpResponse("https" if request.is_secure() else "http")
        response.set_cookie("sessionid", "1")
        return response

    response = ProxyHeadersMiddleware(view)(request)
    assert isinstance(response, HttpResponse)
    return response.content.decode(), bool(response.cookies["sessionid"]["secure"])


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("10.1.2.3", ("https", True)),
        ("192.168.1.5", ("https", True)),
        # What a socket on "::" calls an IPv4 peer.
        ("::ffff:10.1.2.3", ("https", True)),
        ("::ffff:11.1.2.3", ("http", False)),
        ("2001:db8::1", ("https", True)),
        ("2001:db9::1", ("http", False)),
        ("11.1.2.3", ("http", False)),
        ("127.0.0.1", ("http", False)),
        ("", ("http", False)),
    ],
)
def test_only_trusted_proxies_say_that_a_request_came_by_https(
    settings: Settings, peer: str, expected: tuple[str, bool]
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "192.168.1.5", "2001:db8::/32"]

    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_PROTO="https")

    assert scheme_and_secure_cookie(request) == expected


def test_cookies_stay_plain_where_the_proxy_got_plain_http(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]

    request = RequestFactory().get("/", REMOTE_ADDR="10.1.2.3", HTTP_X_FORWARDED_PROTO="http")

    assert scheme_and_secure_cookie(request) == ("http", False)


def test_pages_run_scripts_of_the_portal_alone(client: Client) -> None:
    policy = client.get("/healthz").headers["Content-Security-Policy"]

    assert STRICT in policy
    assert "unsafe" not in policy


@pytest.mark.django_db
def test_no_script_within_a_page_of_the_admin_runs(client: Client) -> None:
    policy = client.get("/admin/").headers["Content-Security-Policy"].split("; ")

    assert STRICT in policy
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "script-src-attr 'none'" in policy
    assert "style-src 'self' 'unsafe-inline'" in policy


COMPRESSES = {"accept-encoding": "gzip"}


def answer_of(response: HttpResponse, **headers: str) -> HttpResponse:
    middleware = PageCompressionMiddleware(lambda _: response)
    answer = middleware(RequestFactory().get("/", headers=headers))
    assert isinstance(answer, HttpResponse)
    return answer


def test_a_page_is_compressed_for_who_takes_it() -> None:
    page = "<p>text</p>" * 100

    compressed = answer_of(HttpResponse(page), **COMPRESSES)

    assert compressed["Content-Encoding"] == "gzip"
    assert gzip.decompress(compressed.content).decode() == page
    assert "Accept-Encoding" in compressed["Vary"]
    assert answer_of(HttpResponse(page)).content.decode() == page


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "application/json"}, {"Content-Type": "text/html", "ETag": '"a"'}]
)
def test_what_is_no_page_or_has_an_etag_is_not_compressed(headers: dict[str, str]) -> None:
    answer = answer_of(HttpResponse("text" * 100, headers=headers), **COMPRESSES)

    assert "Content-Encoding" not in answer.headers
