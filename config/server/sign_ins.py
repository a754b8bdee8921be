"""How often one client may ask for the sign-in: whoever guesses passwords waits here, without a thread."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from web.peers import client_in

# Whoever asks for these may be a stranger, and is answered with hashing or with work of the database.
GATED_PREFIXES = ("/login/", "/admin/login/", "/password/", "/invitations/", "/account/")
# A person needs two for each try. Many people may share one address.
BURST = 40
PER_SECOND = 1.0
# A client that asks too often is answered after this time, and until then asks no more on its connection.
DELAY_SECONDS = 1.0
MOST_DELAYED = 256
MOST_CLIENTS = 10_000


def is_gated(path: str) -> bool:
    """Whether the path is one of signing in, or of one's own account."""
    return path.startswith(GATED_PREFIXES)


@dataclass(slots=True)
class Allowance:
    """What was left at a moment (monotonic seconds)."""

    left: float
    at: float


@dataclass
class SignInGate:
    """Counts the requests of each client in this process; the oldest clients are forgotten where there are too many."""

    allowances: OrderedDict[str, Allowance] = field(default_factory=OrderedDict)
    delayed: int = 0

    def admits(self, values: Mapping[str, Any], *, now: float) -> bool:
        """Whether the client of this WSGI environment may ask; `now` is monotonic seconds."""
        client = client_name(values)
        known = self.allowances.pop(client, None) or Allowance(left=BURST, at=now)
        left = min(BURST, known.left + (now - known.at) * PER_SECOND)
        self.allowances[client] = Allowance(left=left - 1 if left >= 1 else left, at=now)
        if len(self.allowances) > MOST_CLIENTS:
            self.allowances.popitem(last=False)
        return left >= 1

    async def pause(self) -> None:
        """Lets a refused client wait. Of very many at once each is answered at once."""
        if self.delayed >= MOST_DELAYED:
            return
        self.delayed += 1
        try:
            await asyncio.sleep(DELAY_SECONDS)
        finally:
            self.delayed -= 1


def client_name(values: Mapping[str, Any]) -> str:
    """An IPv4 address, or the network of an IPv6 address that one client usually has for itself (/64)."""
    client = client_in(values)
    if client is None:
        return ""
    return str(client) if client.version == 4 else client.packed[:8].hex()
