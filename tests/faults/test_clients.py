"""The clients that post while a fault strikes."""

import pytest

from faults import clients
from faults.clients import Sender


def test_a_client_posts_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "EVENTS_A_POST", 1)
    monkeypatch.setattr(clients, "PAUSE_SECONDS", 0)
    # As many posts as in ten minutes: no row lasts longer.
    posts = 6_000
    sender = Sender(port=0, key="", seed=1)

    def accept(body: bytes) -> tuple[str, bytes, str]:
        if sender.answers["200"] + 1 == posts:
            sender.stopping.set()
        return "200", b'{"accepted": 1, "duplicates": 0, "rejected": 0}', ""

    monkeypatch.setattr(sender, "post", accept)
    sender.run()

    assert len(sender.settled) == posts
