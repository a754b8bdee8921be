"""How many passwords are hashed at once. A hash takes a core for a third of a second, and posts need the cores."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from web.errors import Unavailable

# One on this machine: more would take the cores from posts, and the hash is the same work for the processor either way.
TURNS = threading.BoundedSemaphore(1)
# Two people who sign in together both get in. A longer wait would hold threads that answer pages.
WAIT_SECONDS = 1.0
POLL_SECONDS = 0.01


class HashingBusy(Unavailable):
    """No turn to hash a password came within WAIT_SECONDS."""

    def __init__(self) -> None:
        super().__init__(code="sign_in_busy", message="Too many people sign in at this moment. Try again.")


@contextmanager
def turn() -> Iterator[None]:
    """Holds the machine's turn. Raises HashingBusy when it does not come within WAIT_SECONDS.

    Raises OSError where DATA_DIR cannot be written.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    if not TURNS.acquire(timeout=WAIT_SECONDS):
        raise HashingBusy
    try:
        with file_lock(deadline=deadline):
            yield
    finally:
        TURNS.release()


@contextmanager
def file_lock(*, deadline: float) -> Iterator[None]:
    """A lock that all processes of this portal share; a process that dies gives it back."""
    descriptor = os.open(f"{settings.DATA_DIR}/hashing.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not is_locked(descriptor):
            if time.monotonic() >= deadline:
                raise HashingBusy
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class BoundedPBKDF2Hasher(PBKDF2PasswordHasher):
    """Django's default hasher, one turn for each hash. Hashes of the two are the same."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        with turn():
            return super().encode(password, salt, iterations)
