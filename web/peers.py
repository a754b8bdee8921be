"""Who is at the other end of a request's socket."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def peer_of(request: HttpRequest) -> Address | None:
    """The address of the socket's peer, whatever headers say; None for a Unix socket, which has none."""
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
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
