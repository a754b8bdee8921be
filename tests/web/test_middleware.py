import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from web.middleware import ProxyHeadersMiddleware

STRICT = "default-src 'self'"


def answer_to(request):
    def view(request):
        response = HttpResponse("https" if request.is_secure() else "http")
        response.set_cookie("sessionid", "1")
        return response

    response = ProxyHeadersMiddleware(view)(request)
    return response.content.decode(), bool(response.cookies["sessionid"]["secure"])


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("10.1.2.3", ("https", True)),
        ("192.168.1.5", ("https", True)),
        ("11.1.2.3", ("http", False)),
        ("127.0.0.1", ("http", False)),
        ("", ("http", False)),
    ],
)
def test_only_trusted_proxies_say_that_a_request_came_by_https(settings, peer, expected):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "192.168.1.5"]
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_PROTO="https")
    assert answer_to(request) == expected


def test_cookies_stay_plain_where_the_proxy_got_plain_http(settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    request = RequestFactory().get("/", REMOTE_ADDR="10.1.2.3", HTTP_X_FORWARDED_PROTO="http")
    assert answer_to(request) == ("http", False)


def test_pages_run_scripts_of_the_portal_alone(client):
    policy = client.get("/healthz").headers["Content-Security-Policy"]
    assert STRICT in policy
    assert "unsafe" not in policy


@pytest.mark.django_db
def test_the_admin_may_run_its_own_inline_scripts(client):
    policy = client.get("/admin/login/").headers["Content-Security-Policy"]
    assert STRICT in policy
    assert "script-src 'self' 'unsafe-inline' 'unsafe-eval'" in policy
    assert "style-src 'self' 'unsafe-inline'" in policy
