import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import Client
from pytest_django import Settings

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


@pytest.mark.django_db
def test_who_changes_a_password_meanwhile_is_asked_to_come_back(
    admin_client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PASSWORD_HASHERS = ["people.hashing.BoundedPBKDF2Hasher"]
    get_user_model().objects.update(password="pbkdf2_sha256$10$salt$x")
    person = get_user_model().objects.get()
    admin_client.force_login(person)
    admin_client.raise_request_exception = False
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.0)
    with hashing.turn():
        response = admin_client.post("/account/password/", {"oldpassword": "a"})

    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


def test_the_turn_is_given_back_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.0)
    with pytest.raises(ZeroDivisionError), hashing.turn():
        raise ZeroDivisionError

    with hashing.turn():
        assert not hashing.TURNS.acquire(blocking=False)


def test_another_process_that_hashes_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.05)
    program = (
        "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX); print(flush=True);"
        " sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, f"{django_settings.DATA_DIR}/hashing.lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    other.stdout.readline()
    with pytest.raises(hashing.HashingBusy), hashing.turn():
        pass
    assert hashing.TURNS.acquire(blocking=False)
    hashing.TURNS.release()

    other.communicate()

    with hashing.turn():
        pass
