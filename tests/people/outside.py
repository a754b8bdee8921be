"""What signing in talks to: a real provider of OpenID Connect, and a real receiver of mail."""

import email
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

import requests
from aiosmtpd.controller import Controller

from benchmarks.servers import free_port

PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class OpenIDProvider:
    origin: str

    def has(self, sub: str, **claims: Any) -> None:
        """The provider knows this person from now on, with these claims."""
        requests.put(f"{self.origin}/users/{sub}", json=claims, timeout=5).raise_for_status()


@contextmanager
def running_provider() -> Iterator[OpenIDProvider]:
    """It refuses requests without a nonce."""
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        origin = f"http://127.0.0.1:{port}"
        try:
            wait_until_it_answers(f"{origin}/.well-known/openid-configuration")
            yield OpenIDProvider(origin)
        finally:
            process.kill()


def wait_until_it_answers(url: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            requests.get(url, timeout=1).raise_for_status()
        except requests.RequestException:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


@dataclass
class Mailbox:
    """Receives mail over SMTP."""

    port: int
    received: list[Message] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.received.append(email.message_from_bytes(envelope.content))
        return "250 OK"

    def next_mail(self) -> Message:
        """The oldest that was not read, once it is there."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.received:
            assert time.monotonic() < end, "no mail came"
            time.sleep(0.02)
        return self.received.pop(0)


@contextmanager
def running_mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox(port=free_port())
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def link_in(mail: Message) -> str:
    """The path of the link to the portal that a mail has."""
    text = str(mail.get_payload(decode=True), encoding="utf-8")
    found = re.search(r"https?://[^/\s]+(/\S+)", text)
    assert found is not None, json.dumps(text)
    return found[1]
