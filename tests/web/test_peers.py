from ipaddress import ip_address

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from web.peers import client_of, is_trusted_proxy, networks_of, peer_of


@pytest.mark.parametrize(
    ("remote", "peer"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::1", "::1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_peer_is_the_sockets(remote: str, peer: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=remote, headers={"x-forwarded-for": "10.0.0.1"})

    assert peer_of(request) == ip_address(peer)


@pytest.mark.parametrize("remote", ["", "unix:/run/portal.sock", "127.0.0.1:8000", "localhost"])
def test_a_socket_without_an_address_has_no_peer(remote: str) -> None:
    assert peer_of(RequestFactory().get("/", REMOTE_ADDR=remote)) is None


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("10.0.0.0", True),
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("192.0.2.1", True),
        ("192.0.2.2", False),
    ],
)
def test_addresses_and_networks_are_trusted(settings: Settings, peer: str, expected: bool) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]

    assert is_trusted_proxy(ip_address(peer)) is expected


def test_a_word_that_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        networks_of(("10.0.0.1", "proxy.example"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", "None"),
    ],
)
def test_only_a_trusted_proxy_says_whom_a_request_comes_from(
    settings: Settings, peer: str, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]

    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)

    assert str(client_of(request)) == expected
