import resource
import socket
import sys
import threading

import pytest

from config.server import connections
from config.server.connections import Connection, ConnectionWatch

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is needed")


def connection(*, port=1, address="192.0.2.1", acknowledged=0, is_sending=True):
    return Connection(descriptor=port, peer=(address, port), acknowledged=acknowledged, is_sending=is_sending)


def ends(watch, *looks):
    """The ports that each look ends; a look is (now, connections)."""
    return [[found.peer[1] for found in watch.stalled(some, now=now)] for now, some in looks]


@pytest.mark.parametrize(("seconds", "ended"), [(14.9, []), (15.0, [1])])
def test_a_send_without_progress_is_ended_after_15_seconds(seconds, ended):
    stuck = [connection(acknowledged=100)]
    assert ends(ConnectionWatch(), (1000.0, stuck), (1000.0 + seconds, stuck)) == [[], ended]


def test_progress_counts_anew():
    looks = [(1000.0 + 10 * step, [connection(acknowledged=step)]) for step in range(5)]
    assert ends(ConnectionWatch(), *looks) == [[]] * 5


def test_a_connection_that_has_nothing_to_send_may_stay():
    idle = [connection(is_sending=False)]
    assert ends(ConnectionWatch(), (1000.0, idle), (2000.0, idle)) == [[], []]


def test_a_new_connection_of_the_same_peer_and_port_begins_anew():
    looks = [(1000.0, [connection()]), (1010.0, []), (1020.0, [connection()])]
    assert ends(ConnectionWatch(), *looks) == [[], [], []]


def too_many(watch, some, *, most=2):
    return [found.peer for found in watch.too_many(some, most=most)]


def test_a_peer_with_too_many_connections_loses_its_oldest():
    watch = ConnectionWatch()
    assert too_many(watch, [connection(port=5), connection(port=3)]) == []
    more = [connection(port=number) for number in (1, 2, 3, 5)]
    assert too_many(watch, more) == [("192.0.2.1", 5), ("192.0.2.1", 3)]


@pytest.mark.parametrize(
    ("soft", "most"), [(256, 32), (2040, 255), (2048, 256), (4096, 256), (resource.RLIM_INFINITY, 256)]
)
def test_where_few_descriptors_are_left_to_a_process_a_peer_has_fewer_connections(monkeypatch, soft, most):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, soft))
    assert connections.most_of_a_peer() == most


def test_others_keep_theirs():
    several = [connection(address=f"192.0.2.{number}") for number in range(5)]
    assert too_many(ConnectionWatch(), several) == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_a_trusted_proxy_may_have_all(settings, address):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    several = [connection(port=number, address=address) for number in range(5)]
    assert too_many(ConnectionWatch(), several) == []


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@needs_linux
def test_a_listening_socket_is_found_and_stays_open(server):
    assert server.getsockname()[1] in connections.listening_ports()
    assert server.fileno() in list(connections.descriptors())


@needs_linux
def test_the_kernel_tells_what_a_reader_took(server):
    port = server.getsockname()[1]
    with socket.create_connection(server.getsockname()) as client, server.accept()[0] as ours:
        sender = threading.Thread(target=send_all, args=(ours, b"x" * 20_000_000))
        sender.start()
        client.recv(1000)
        (found,) = connections.open_connections({port})
        assert (found.peer, found.is_sending) == (client.getsockname(), True)
        assert found.acknowledged > 0

        connections.end(found)
        sender.join(5)
        assert not sender.is_alive()


def send_all(sender, data):
    try:
        sender.sendall(data)
    except OSError:
        return


@needs_linux
def test_a_descriptor_that_is_another_connections_by_now_is_left_alone(server):
    with socket.create_connection(server.getsockname()) as client, server.accept()[0] as ours:
        connections.end(Connection(ours.fileno(), ("192.0.2.1", 1), acknowledged=0, is_sending=True))
        ours.sendall(b"still there")
        assert client.recv(100) == b"still there"


@needs_linux
def test_the_descriptor_of_a_file_is_no_connection(tmp_path):
    with (tmp_path / "file").open("w") as file:
        assert connections.read_connection(file.fileno(), ports={1}) is None
        file.write("still open")
