"""Signatures as Standard Webhooks 1.0.0 says (https://www.standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
# Bytes of a key, both included.
SHORTEST_KEY, LONGEST_KEY = 24, 64


class BadSecret(ValueError):
    """A text that is no secret of Standard Webhooks. The message does not quote it."""


def key_of(secret: str) -> bytes:
    """The key that the secret `whsec_<base64>` stands for. Raises BadSecret."""
    if not secret.startswith(PREFIX):
        raise BadSecret(f"It does not begin with {PREFIX}.")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSecret(f"What follows {PREFIX} is not base64.") from error
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise BadSecret(f"Its key has {len(key)} bytes, not {SHORTEST_KEY} to {LONGEST_KEY}.")
    return key


def signature_headers(
    *, message_id: str, body: bytes, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """The three headers of a message that is sent at `now`; a signature for each secret, separated by spaces.

    Raises BadSecret.
    """
    timestamp = int(now.timestamp())
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    signatures = (sign(signed, key=key_of(secret)) for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def sign(signed: bytes, *, key: bytes) -> str:
    digest = hmac.digest(key, signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
