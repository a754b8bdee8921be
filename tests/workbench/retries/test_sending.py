"""One attempt against receivers that answer, that do not, and that would lead it elsewhere."""

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.builders import NOW
from tests.workbench.retries.builders import answer, header, receiving
from tests.workbench.retries.test_addresses import answer_with
from workbench.retries.addresses import parse_receiver
from workbench.retries.sending import MOST_READ, NotDelivered, ReceiverAnswer, send, wait_of

HEADERS = {"webhook-id": "m-1"}


def send_to(url: str, *, seconds: float = 5) -> ReceiverAnswer:
    return send(parse_receiver(url), body=b"{}", headers=HEADERS, now=NOW, seconds=seconds)


def test_posts_once_to_the_path_with_the_name_as_host() -> None:
    with receiving(answer(200)) as receiver:
        assert send_to(receiver.url) == ReceiverAnswer(status=200)

    (post,) = receiver.posts
    assert post.startswith(b"POST /retry?team=a HTTP/1.1\r\n")
    assert post.endswith(b"\r\n\r\n{}")
    assert header(post, "Host") == f"127.0.0.1:{receiver.port}"
    assert header(post, "webhook-id") == "m-1"


@pytest.mark.parametrize("status", [200, 204, 299, 301, 307, 308, 400, 404, 410, 429, 500, 503, 599])
def test_gives_the_status_and_follows_no_redirect(status: int) -> None:
    with receiving(answer(200)) as other, receiving(answer(status, f"Location: {other.url}")) as receiver:
        assert send_to(receiver.url).status == status

    assert (len(receiver.posts), len(other.posts)) == (1, 0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"runId": "r-2", "more": [1]}', "r-2"),
        ('{"runId": "%s"}' % ("x" * 128), "x" * 128),
        ('{"runId": "%s"}' % ("x" * 129), ""),
        ('{"runId": "a b"}', ""),
        ('{"runId": "\\u0000"}', ""),
        ('{"runId": 5}', ""),
        ('{"runId": null}', ""),
        ("[]", ""),
        ("{}", ""),
        ("", ""),
        ("thanks", ""),
        ("[" * 60_000, ""),
    ],
    ids=range(12),
)
def test_reads_the_new_run_where_the_body_names_one(body: str, expected: str) -> None:
    with receiving(answer(202, body=body)) as receiver:
        assert send_to(receiver.url) == ReceiverAnswer(status=202, run_id=expected)


def test_reads_64_kib_of_an_endless_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = socket.socket.recv_into

    def count(self: socket.socket, *arguments: Any) -> int:
        read.append(original(self, *arguments))
        return read[-1]

    monkeypatch.setattr(socket.socket, "recv_into", count)
    huge = answer(200, body='{"runId": "r-2", "padding": "' + "x" * 10 * MOST_READ + '"}')

    with receiving(huge) as receiver:
        assert send_to(receiver.url) == ReceiverAnswer(status=200)

    assert sum(read) <= MOST_READ


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: x\r\n" * 100_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00" * 100,
        b"",
    ],
    ids=["many headers", "endless interim answers", "not HTTP", "NUL", "nothing"],
)
def test_a_mad_answer_is_none(text: bytes) -> None:
    with receiving(text) as receiver, pytest.raises(NotDelivered) as fault:
        send_to(receiver.url)

    assert not fault.value.is_final


def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    long = answer(500, "X-Header: " + "x" * 10_000)
    with receiving(long, drips=True) as receiver, pytest.raises(NotDelivered, match="in time"):
        send_to(receiver.url, seconds=0.3)


def test_a_receiver_whose_body_never_comes_has_taken_the_message() -> None:
    with receiving(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", hangs=True) as receiver:
        assert send_to(receiver.url, seconds=0.5) == ReceiverAnswer(status=200)


def test_nobody_at_the_address_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(NotDelivered, match="ConnectionRefusedError"):
        send_to(f"http://127.0.0.1:{port}/")


def test_the_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(answer(200)) as receiver:
        asked = answer_with(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
        send_to(f"http://workbench.test:{receiver.port}/")

    assert asked == ["workbench.test"]
    assert header(receiver.posts[0], "Host") == f"workbench.test:{receiver.port}"


def test_a_name_that_comes_to_stand_for_metadata_is_asked_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(answer(200)) as receiver:
        answer_with(monkeypatch, ["127.0.0.1"], ["127.0.0.1", "169.254.169.254"])
        send_to(f"http://workbench.test:{receiver.port}/")

        with pytest.raises(NotDelivered) as fault:
            send_to(f"http://workbench.test:{receiver.port}/")

    assert fault.value.is_final
    assert len(receiver.posts) == 1


def test_the_next_address_is_tried_where_nobody_answers_at_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(answer(200)) as receiver:
        answer_with(monkeypatch, ["127.0.0.2", "127.0.0.1"])
        assert send_to(f"http://workbench.test:{receiver.port}/").status == 200

    assert len(receiver.posts) == 1


def test_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(answer(200)) as proxy, receiving(answer(200)) as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        send_to(receiver.url)

    assert (len(proxy.posts), len(receiver.posts)) == (0, 1)


@pytest.fixture
def wrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[socket.socket], ssl.SSLSocket]:
    """TLS of a receiver called workbench.test, whose certificate the portal trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "workbench.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("workbench.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    return lambda connection: context.wrap_socket(connection, server_side=True)


@pytest.mark.parametrize(("name", "is_taken"), [("workbench.test", True), ("another.test", False)])
def test_https_asks_for_the_certificate_of_the_name(
    monkeypatch: pytest.MonkeyPatch, wrap: Any, name: str, is_taken: bool
) -> None:
    with receiving(answer(200), wrap=wrap) as receiver:
        answer_with(monkeypatch, ["127.0.0.1"])
        url = f"https://{name}:{receiver.port}/"
        if is_taken:
            assert send_to(url).status == 200
        else:
            with pytest.raises(NotDelivered, match="SSLCertVerificationError"):
                send_to(url)

    assert len(receiver.posts) == int(is_taken)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("999999999", 24 * 60 * 60),
        ("Sun, 15 Feb 2026 12:01:00 GMT", 60),
        ("Sun, 15 Feb 2026 12:01:00", 60),
        ("Sun, 15 Feb 2026 11:00:00 GMT", 0),
        ("Sun, 15 Feb 2099 12:00:00 GMT", 24 * 60 * 60),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 400, None),
    ],
)
def test_reads_retry_after(text: str, seconds: int | None) -> None:
    assert wait_of(text, now=NOW) == (None if seconds is None else timedelta(seconds=seconds))
