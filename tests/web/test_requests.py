import pytest
from django.test import RequestFactory

from web.requests import PortalRequest


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("sessionid=abc; other=1", {"sessionid": "abc", "other": "1"}),
        # A quoted cookie may hold octal escapes.
        (r'sessionid="\000\000\000\000\000\000\000\000"; other=1', {"other": "1"}),
        ("", {}),
    ],
)
def test_a_cookie_with_nul_is_left_out(header: str, expected: dict[str, str]) -> None:
    environ = RequestFactory()._base_environ(HTTP_COOKIE=header)

    assert expected == PortalRequest(environ).COOKIES
