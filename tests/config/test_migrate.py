"""`manage.py migrate` waits for no lock for long, because posts would wait behind it."""

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.core.management.commands.migrate import Command as DjangoCommand
from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

from config.management.commands import migrate

pytestmark = [pytest.mark.only_on("postgresql"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def django_says(monkeypatch):
    """What Django's own command does at each call: raise, or end well with None."""
    answers, calls = [], []

    def handle(self, *args, **options):
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            calls.append(cursor.fetchone()[0])
        if answers and (error := answers.pop(0)):
            raise error

    monkeypatch.setattr(DjangoCommand, "handle", handle)
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(migrate, "ATTEMPTS", 3)
    return answers, calls


def failure(cause: psycopg.Error) -> OperationalError:
    error = OperationalError("refused")
    error.__cause__ = cause
    return error


def lock_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        return str(cursor.fetchone()[0])


def test_a_lock_that_is_held_for_a_moment_is_waited_for(django_says) -> None:
    answers, calls = django_says
    answers += [failure(LockNotAvailable()), failure(LockNotAvailable()), None]

    call_command("migrate")

    assert calls == ["2s"] * 3
    assert lock_timeout() == "0"


def test_a_lock_that_is_held_for_long_is_a_sentence(django_says) -> None:
    answers, calls = django_says
    answers += [failure(LockNotAvailable())] * 3

    with pytest.raises(CommandError, match="Look for long transactions, like a backup"):
        call_command("migrate")
    assert len(calls) == 3


def test_another_failure_is_told_at_once(django_says) -> None:
    answers, calls = django_says
    answers.append(failure(psycopg.errors.DiskFull()))

    with pytest.raises(OperationalError, match="refused"):
        call_command("migrate")
    assert (len(calls), lock_timeout()) == (1, "0")
