import asyncio

import pytest

from config.server import sign_ins
from config.server.sign_ins import SignInGate


def client(address: str, **headers: str) -> dict[str, str]:
    return {"REMOTE_ADDR": address, **headers}


def admitted(gate: SignInGate, *, values: dict[str, str], tries: int, now: float) -> int:
    return sum(gate.admits(values, now=now) for _ in range(tries))


def test_a_client_has_a_burst_and_then_a_request_a_second() -> None:
    gate, guesser = SignInGate(), client("192.0.2.1")

    assert admitted(gate, values=guesser, tries=100, now=0.0) == sign_ins.BURST
    assert admitted(gate, values=guesser, tries=100, now=0.9) == 0
    assert admitted(gate, values=guesser, tries=100, now=3.0) == 3
    assert admitted(gate, values=guesser, tries=100, now=10_000.0) == sign_ins.BURST


@pytest.mark.parametrize(
    ("other", "is_another"),
    [("192.0.2.2", True), ("::ffff:192.0.2.1", False), ("", True)],
)
def test_each_client_has_its_own(other: str, is_another: bool) -> None:
    gate = SignInGate()
    admitted(gate, values=client("192.0.2.1"), tries=100, now=0.0)

    assert gate.admits(client(other), now=0.0) is is_another


@pytest.mark.parametrize(("other", "is_another"), [("2001:db8:0:1::ffff", False), ("2001:db8:0:2::1", True)])
def test_a_network_of_ipv6_is_one_client(other: str, is_another: bool) -> None:
    gate = SignInGate()
    admitted(gate, values=client("2001:db8:0:1::1"), tries=100, now=0.0)

    assert gate.admits(client(other), now=0.0) is is_another


@pytest.mark.parametrize(("proxies", "is_another"), [([], False), (["10.0.0.1"], True)])
def test_only_trusted_proxies_speak_for_others(settings, proxies, is_another) -> None:  # type: ignore[no-untyped-def]
    settings.TRUSTED_PROXIES = proxies
    gate = SignInGate()
    admitted(gate, values=client("10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.1"), tries=100, now=0.0)

    assert gate.admits(client("10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.2"), now=0.0) is is_another


def test_it_remembers_a_bounded_number_of_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_ins, "MOST_CLIENTS", 2)
    gate = SignInGate()
    for number in range(4):
        gate.admits(client(f"192.0.2.{number}"), now=0.0)

    assert list(gate.allowances) == ["192.0.2.2", "192.0.2.3"]


def test_few_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_ins, "MOST_DELAYED", 2)
    monkeypatch.setattr(sign_ins, "DELAY_SECONDS", 60.0)

    async def ask() -> tuple[int, int]:
        gate = SignInGate()
        tasks = [asyncio.create_task(gate.pause()) for _ in range(5)]
        await asyncio.sleep(0)
        waiting = gate.delayed
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return waiting, gate.delayed

    assert asyncio.run(ask()) == (2, 0)
