"""How many passwords are hashed at once. A hash takes a core for a third of a second, and posts need the cores."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from web.errors import Unavailable

# In each process. More would take the cores from posts: the hash is the same work for the processor either way.
TURNS = threading.BoundedSemaphore(1)
# Two people who sign in together both get in. A longer wait would hold threads that answer pages.
WAIT_SECONDS = 1.0


class HashingBusy(Unavailable):
    """No turn to hash a password came within WAIT_SECONDS."""

    def __init__(self) -> None:
        super().__init__(code="sign_in_busy", message="Too many people sign in at this moment. Try again.")


@contextmanager
def turn() -> Iterator[None]:
    """Holds one of the turns. Raises HashingBusy when none comes within WAIT_SECONDS."""
    if not TURNS.acquire(timeout=WAIT_SECONDS):
        raise HashingBusy
    try:
        yield
    finally:
        TURNS.release()


class BoundedPBKDF2Hasher(PBKDF2PasswordHasher):
    """Django's default hasher, one turn for each hash. Hashes of the two are the same."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        with turn():
            return super().encode(password, salt, iterations)
