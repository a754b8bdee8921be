from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from people import hashing


def test_hashes_are_those_of_django() -> None:
    own, django = hashing.BoundedPBKDF2Hasher(), PBKDF2PasswordHasher()

    assert own.encode("secret", "salt", 10) == django.encode("secret", "salt", 10)
    assert own.algorithm == django.algorithm


def test_one_hash_is_computed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.0)
    with hashing.turn(), ThreadPoolExecutor(1) as pool:
        other = pool.submit(hashing.BoundedPBKDF2Hasher().encode, "secret", "salt", 10)

        with pytest.raises(hashing.HashingBusy):
            other.result()


def test_the_turn_is_given_back_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.0)
    with pytest.raises(ZeroDivisionError), hashing.turn():
        raise ZeroDivisionError

    with hashing.turn():
        assert not hashing.TURNS.acquire(blocking=False)
