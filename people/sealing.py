"""Secrets that the portal has to know again: encrypted with SECRET_KEY, so that a copy of the database tells none."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class Unreadable(ValueError):
    """The text was sealed with another SECRET_KEY or for another purpose, or is damaged."""


def seal(text: str, *, purpose: str) -> str:
    """What a purpose seals, no other one opens."""
    return cipher(purpose).encrypt(text.encode()).decode()


def unseal(sealed: str, *, purpose: str) -> str:
    """Raises Unreadable."""
    try:
        return cipher(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unreadable from error


def cipher(purpose: str) -> Fernet:
    key = hashlib.sha256(f"{purpose}:{settings.SECRET_KEY}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
