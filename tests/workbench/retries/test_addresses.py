import socket
import threading
from typing import Any

import pytest

from workbench.retries.addresses import BadUrl, ForbiddenAddress, NotFound, find_endpoints, parse_receiver

FORBIDDEN = {
    "metadata": "169.254.169.254",
    "link-local": "169.254.0.1",
    "unspecified": "0.0.0.0",
    "multicast": "224.0.0.1",
    "broadcast": "255.255.255.255",
    "metadata of another cloud": "100.100.100.200",
    "wire server": "168.63.129.16",
    "IPv6 link-local": "fe80::1",
    "IPv6 link-local with its interface": "fe80::1%lo",
    "IPv6 unspecified": "::",
    "IPv6 multicast": "ff02::1",
    "IPv6 metadata": "fd00:ec2::254",
    "mapped metadata": "::ffff:169.254.169.254",
    "mapped unspecified": "::ffff:0.0.0.0",
    "translated metadata": "64:ff9b::169.254.169.254",
    "6to4 of metadata": "2002:a9fe:a9fe::1",
}
PRIVATE = ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "::1", "fd12::1", "::ffff:127.0.0.1")
PUBLIC = (
    "93.184.216.34",
    "172.32.0.1",
    "100.64.0.1",
    "2606:2800:220:1::1",
    "::ffff:93.184.216.34",
    "64:ff9b::10.0.0.1",
)


def answer_with(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """The DNS gives these answers, one after another; returns the names that it was asked for."""
    asked: list[str] = []
    left = list(answers)

    def look_up(host: str, port: int, *others: Any, **options: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        places = left.pop(0)
        families = [socket.AF_INET6 if ":" in place else socket.AF_INET for place in places]
        return [
            (family, socket.SOCK_STREAM, 6, "", (place, port))
            for family, place in zip(families, places, strict=True)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def found(url: str) -> list[str]:
    return [place[0] for _, place in find_endpoints(parse_receiver(url), seconds=5)]


@pytest.mark.parametrize("address", FORBIDDEN.values(), ids=FORBIDDEN)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_must_not_stand_for_a_forbidden_address(
    monkeypatch: pytest.MonkeyPatch, address: str, scheme: str
) -> None:
    answer_with(monkeypatch, [address])

    with pytest.raises(ForbiddenAddress):
        found(f"{scheme}://workbench.example/")


@pytest.mark.parametrize("address", FORBIDDEN.values(), ids=FORBIDDEN)
def test_a_url_must_not_name_a_forbidden_address(address: str) -> None:
    host = f"[{address}]" if ":" in address else address

    with pytest.raises(BadUrl):
        parse_receiver(f"https://{host}/")


@pytest.mark.parametrize("bad", ["169.254.169.254", "::ffff:169.254.169.254"])
def test_one_forbidden_address_of_several_forbids_the_name(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    answer_with(monkeypatch, ["93.184.216.34", bad, "10.0.0.1"])

    with pytest.raises(ForbiddenAddress):
        found("https://workbench.example/")


@pytest.mark.parametrize("address", PRIVATE)
def test_plain_http_goes_to_private_addresses(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    answer_with(monkeypatch, [address])

    assert found("http://workbench:8000/") == [address]


@pytest.mark.parametrize("address", PUBLIC)
def test_plain_http_goes_to_no_public_address(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    answer_with(monkeypatch, [address], [address], ["10.0.0.1", address])

    assert found("https://workbench.example/") == [address]
    for _ in range(2):
        with pytest.raises(ForbiddenAddress):
            found("http://workbench.example/")


@pytest.mark.parametrize("text", ["2130706433", "0x7f000001", "127.1", "localhost"])
def test_other_spellings_are_judged_by_what_they_stand_for(text: str) -> None:
    assert set(found(f"http://{text}/")) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("text", ["2852039166", "0xa9fea9fe", "169.254.43518"])
def test_other_spellings_of_a_forbidden_address_are_forbidden(text: str) -> None:
    with pytest.raises(ForbiddenAddress):
        found(f"https://{text}/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "workbench.example/retry",
        "ftp://workbench.example/",
        "file:///etc/passwd",
        "https://",
        "https:///retry",
        "https://user@workbench.example/",
        "https://user:password@workbench.example/",
        "https://@workbench.example/",
        "https://workbench.example:0/",
        "https://workbench.example:99999/",
        "https://workbench.example:x/",
        "https://workbench.example/#part",
        "https://workbench.example/a b",
        "https://workbench.example/\r\nHost: evil.example",
        "https://wörkbench.example/",
        "https://[::1/",
        "http://93.184.216.34/",
    ],
)
def test_refuses_urls_that_a_webhook_cannot_have(url: str) -> None:
    with pytest.raises(BadUrl) as fault:
        parse_receiver(url)

    assert "example" not in str(fault.value)


def test_takes_a_url_apart() -> None:
    receiver = parse_receiver("https://Workbench.example:8443/hooks/retry?team=a&x=1")

    assert (receiver.host, receiver.port) == ("workbench.example", 8443)
    assert receiver.path == "/hooks/retry?team=a&x=1"
    assert parse_receiver("http://10.0.0.1").path == "/"


def test_a_name_without_an_address_and_a_silent_dns_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, [])
    with pytest.raises(NotFound, match="no address"):
        found("https://workbench.example/")

    is_over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: is_over.wait(5) and [])
    with pytest.raises(NotFound, match="in time"):
        find_endpoints(parse_receiver("https://workbench.example/"), seconds=0.01)
    is_over.set()
