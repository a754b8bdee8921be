"""Watches a web worker's connections from the side: the server has no deadline for a send and no limit a peer.

The kernel says of each connection what waits to be sent and what the peer has acknowledged (tcp(7), TCP_INFO).
Connections are never duplicated or closed here, only shut down: the server then closes them itself. (Closing any
descriptor of a database file would drop SQLite's locks.)
"""

import os
import resource
import socket
import stat
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address

from web.peers import is_trusted_proxy

LOOK_SECONDS = 1.0
# While many connections are open: they may be one peer's, and others wait behind them.
BUSY_LOOK_SECONDS = 0.25
# A send that made no progress for so long is ended.
STALLED_SECONDS = 15.0
# Of those that a worker has open (startup.web_command).
MOST_OF_A_PEER = 256

TCP_INFO_BYTES = 148
BYTES_ACKED = struct.Struct("@Q")
COUNT = struct.Struct("@I")
# struct linger: what waits to be sent is dropped when the server closes the connection.
WITHOUT_WAITING = struct.pack("@ii", 1, 0)

Peer = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection: its descriptor, peer, bytes that the peer acknowledged, and whether more wait."""

    descriptor: int
    peer: Peer
    acknowledged: int
    is_sending: bool


@dataclass(slots=True)
class Progress:
    acknowledged: int
    since: float


class ConnectionWatch:
    """Says which connections are to be ended; `now` is monotonic seconds."""

    def __init__(self) -> None:
        self.progress: dict[Peer, Progress] = {}
        self.known: dict[Peer, None] = {}

    def stalled(self, connections: Iterable[Connection], *, now: float) -> list[Connection]:
        """Those whose peer took nothing of what waits for it for STALLED_SECONDS."""
        before, self.progress = self.progress, {}
        found = []
        for connection in connections:
            if not connection.is_sending:
                continue
            known = before.get(connection.peer)
            if known is None or known.acknowledged != connection.acknowledged:
                known = Progress(acknowledged=connection.acknowledged, since=now)
            self.progress[connection.peer] = known
            if now - known.since >= STALLED_SECONDS:
                found.append(connection)
        return found

    def too_many(self, connections: Iterable[Connection], *, most: int = MOST_OF_A_PEER) -> list[Connection]:
        """The oldest of those that are beyond what one peer may have open.

        TRUSTED_PROXIES speak for many and may have all.
        """
        by_peer = {connection.peer: connection for connection in connections}
        stayed = [peer for peer in self.known if peer in by_peer]
        self.known = dict.fromkeys([*stayed, *by_peer])
        beyond = Counter(address for address, _ in by_peer)
        found = []
        for peer in self.known:
            if beyond[peer[0]] > most and not is_proxy(peer[0]):
                beyond[peer[0]] -= 1
                found.append(by_peer[peer])
        return found


def most_of_a_peer() -> int:
    """MOST_OF_A_PEER, or an eighth of the descriptors where the system gives a process few."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_OF_A_PEER if soft == resource.RLIM_INFINITY else min(MOST_OF_A_PEER, soft // 8)


def is_proxy(address: str) -> bool:
    peer = ip_address(address.partition("%")[0])
    return is_trusted_proxy(getattr(peer, "ipv4_mapped", None) or peer)


def descriptors() -> Iterator[int]:
    """This process's open sockets."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                yield int(name)
        except OSError:
            continue


@contextmanager
def borrowed(descriptor: int) -> Iterator[socket.socket]:
    """The descriptor as a socket object that leaves it open."""
    view = socket.socket(fileno=descriptor)
    try:
        yield view
    finally:
        view.detach()


def listening_ports() -> set[int]:
    """Ports that this process's sockets are bound to without being connected."""
    ports = set()
    for descriptor in descriptors():
        try:
            with borrowed(descriptor) as view:
                if is_tcp(view) and not is_connected(view):
                    ports.add(view.getsockname()[1])
        except OSError:
            continue
    return ports - {0}


def is_tcp(view: socket.socket) -> bool:
    return view.family in {socket.AF_INET, socket.AF_INET6} and view.type == socket.SOCK_STREAM


def is_connected(view: socket.socket) -> bool:
    try:
        view.getpeername()
    except OSError:
        return False
    return True


def open_connections(ports: set[int]) -> list[Connection]:
    """The connections of clients to these ports of ours."""
    return [
        connection
        for descriptor in descriptors()
        if (connection := read_connection(descriptor, ports=ports)) is not None
    ]


def read_connection(descriptor: int, *, ports: set[int]) -> Connection | None:
    """None for any other socket, and for one that has just been closed."""
    try:
        with borrowed(descriptor) as view:
            if not is_tcp(view) or view.getsockname()[1] not in ports:
                return None
            peer = view.getpeername()
            info = view.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    except OSError:
        return None
    # struct tcp_info of linux/tcp.h: tcpi_unacked, tcpi_bytes_acked and tcpi_notsent_bytes.
    unacknowledged, not_sent = COUNT.unpack_from(info, 24)[0], COUNT.unpack_from(info, 144)[0]
    return Connection(
        descriptor=descriptor,
        peer=(peer[0], peer[1]),
        acknowledged=BYTES_ACKED.unpack_from(info, 120)[0],
        is_sending=bool(unacknowledged or not_sent),
    )


def end(connection: Connection) -> None:
    """Shut it down, unless its descriptor is somebody else's by now."""
    try:
        with borrowed(connection.descriptor) as view:
            if is_tcp(view) and view.getpeername()[:2] == connection.peer:
                view.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, WITHOUT_WAITING)
                view.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def start_watching(*, also: Callable[[], None]) -> None:
    """Watch in a thread of its own, which also calls `also` each time. Only Linux tells what is needed."""
    ports = listening_ports() if sys.platform == "linux" else set()
    threading.Thread(target=watch, kwargs={"ports": ports, "also": also}, daemon=True).start()


def watch(*, ports: set[int], also: Callable[[], None]) -> None:
    connection_watch, most = ConnectionWatch(), most_of_a_peer()
    connections: list[Connection] = []
    while True:
        time.sleep(BUSY_LOOK_SECONDS if len(connections) > most else LOOK_SECONDS)
        also()
        if ports:
            connections = open_connections(ports)
            stalled = connection_watch.stalled(connections, now=time.monotonic())
            for connection in [*stalled, *connection_watch.too_many(connections, most=most)]:
                end(connection)
