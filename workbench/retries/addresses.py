"""Where a webhook may be sent: which URLs the setting takes, and which addresses a name may stand for.

A name is looked up once, all its addresses are judged, and one of those is connected to. So an answer of the DNS that
changes between the judgement and the connection changes nothing.
"""

import queue
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
# As socket.getaddrinfo gives it: what a socket of the family connects to.
Endpoint = tuple[socket.AddressFamily, tuple[Any, ...]]

DEFAULT_PORTS = {"http": 80, "https": 443}
# Networks that nobody else can listen in: plain http may go there.
PRIVATE = (
    IPv4Network("127.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("::1/128"),
    IPv6Network("fc00::/7"),
)
# Where clouds tell a machine its secrets, besides the link-local 169.254.169.254.
METADATA = frozenset(
    map(ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"))
)
# IPv6 addresses behind which a translator reaches an IPv4 address, its last four bytes (RFC 6052).
TRANSLATED = IPv6Network("64:ff9b::/96")


class BadUrl(ValueError):
    """The setting is no address that a webhook can have. The text says why, without the address."""


class NotFound(Exception):
    """The name has no address, or the DNS did not answer in time."""


class ForbiddenAddress(Exception):
    """The name stands for an address that a webhook is never sent to."""


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A URL in its parts; `path` has the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_https(self) -> bool:
        return self.scheme == "https"


def parse_receiver(url: str) -> Receiver:
    """The parts of an http or https URL. Raises BadUrl.

    A literal address is judged here; a name when it is looked up.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadUrl("It can't be read.") from error
    if not all("!" <= character <= "~" for character in url):
        raise BadUrl("It has characters other than printable ASCII.")
    if parts.scheme not in DEFAULT_PORTS or not host or port == 0:
        raise BadUrl("It does not begin with https:// or http:// and a host.")
    if "@" in parts.netloc:
        raise BadUrl("It has a user name.")
    if parts.fragment:
        raise BadUrl("It has a fragment (#).")
    query = f"?{parts.query}" if parts.query else ""
    receiver = Receiver(
        scheme=parts.scheme,
        host=host,
        port=port or DEFAULT_PORTS[parts.scheme],
        path=(parts.path or "/") + query,
    )
    check_literal(receiver)
    return receiver


def check_literal(receiver: Receiver) -> None:
    try:
        judge(ip_address(receiver.host), receiver=receiver)
    except ForbiddenAddress as error:
        raise BadUrl(str(error)) from error
    except ValueError:
        # A name.
        return


def find_endpoints(receiver: Receiver, *, seconds: float) -> list[Endpoint]:
    """The addresses of the receiver's host, in the system's order. One lookup.

    Raises NotFound, and ForbiddenAddress if any of them is one: a name that stands for such an address is not the
    receiver's, whatever its other addresses are.
    """
    endpoints = look_up(receiver.host, receiver.port, seconds=seconds)
    for _, place in endpoints:
        judge(ip_address(place[0]), receiver=receiver)
    return endpoints


def look_up(host: str, port: int, *, seconds: float) -> list[Endpoint]:
    """What the system's resolver says. It cannot be interrupted: past `seconds` nobody waits for it any more."""
    found: queue.SimpleQueue[list[Endpoint] | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found.put(None)
        else:
            found.put([(family, place) for family, _, _, _, place in rows])

    threading.Thread(target=ask, name="webhook lookup", daemon=True).start()
    try:
        endpoints = found.get(timeout=max(seconds, 0))
    except queue.Empty:
        raise NotFound("The DNS did not answer in time") from None
    if not endpoints:
        raise NotFound("The name has no address")
    return endpoints


def judge(address: Address, *, receiver: Receiver) -> None:
    """Raises ForbiddenAddress."""
    meanings = list(meanings_of(address))
    if any(is_forbidden(meaning) for meaning in meanings):
        raise ForbiddenAddress("It is link-local, multicast, unspecified, reserved or one of metadata")
    if not receiver.is_https and not is_private(meanings):
        raise ForbiddenAddress("It is not private, so it takes https")


def meanings_of(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 addresses that an IPv6 address may lead to."""
    yield address
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in TRANSLATED:
        yield IPv4Address(int(address) & 0xFFFFFFFF)


def is_forbidden(address: Address) -> bool:
    is_reserved = isinstance(address, IPv4Address) and address.is_reserved
    return (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or is_reserved
        or address in METADATA
    )


def is_private(meanings: Sequence[Address]) -> bool:
    """Whether the address is private as what it is, or as the IPv4 address that it is another spelling of."""
    spelled = meanings[0].ipv4_mapped if isinstance(meanings[0], IPv6Address) else None
    address = spelled or meanings[0]
    return any(address in network for network in PRIVATE if network.version == address.version)
