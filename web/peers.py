"""Who is at the other end of a request's socket."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def peer_of(request: HttpRequest) -> Address | None:
    """The address of the socket's peer, whatever headers say; None for a Unix socket, which has none."""
    return address_of(request.META.get("REMOTE_ADDR", ""))


def client_of(request: HttpRequest) -> Address | None:
    """Whom a request comes from; see `client_in`."""
    return client_in(request.META)


def client_in(environ: Mapping[str, Any]) -> Address | None:
    """Whom a request of this WSGI environment comes from; None for a Unix socket.

    It is the socket's peer or, where a trusted proxy is that, whom the proxy names: the last address of
    X-Forwarded-For that is not in TRUSTED_PROXIES. What stands before it may be made up.
    """
    client = address_of(environ.get("REMOTE_ADDR", ""))
    for word in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        if client is None or not is_trusted_proxy(client):
            break
        client = address_of(word.strip()) or client
    return client


def address_of(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket that listens on :: names an IPv4 peer ::ffff:127.0.0.1.
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def is_trusted_proxy(peer: Address) -> bool:
    """Whether TRUSTED_PROXIES lists the peer."""
    return any(peer in network for network in networks_of(tuple(settings.TRUSTED_PROXIES)))


@lru_cache(maxsize=8)
def networks_of(words: tuple[str, ...]) -> tuple[Network, ...]:
    """The networks that the words of TRUSTED_PROXIES name. Raises ValueError for a word that names none."""
    return tuple(ip_network(word, strict=False) for word in words)
