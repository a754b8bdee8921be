import threading

import pytest
from django.db import DatabaseError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.threads import run_together


def test_the_works_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=30)

    assert run_together(meeting.wait, meeting.wait) == []


def test_what_a_work_raises_is_answered() -> None:
    def fail() -> None:
        raise SystemExit("enough")

    raised = run_together(fail, lambda: None, fail)

    assert [str(error) for error in raised] == ["enough", "enough"]


def test_a_work_that_hangs_is_answered() -> None:
    end = threading.Event()

    raised = run_together(end.wait, timeout=0.01)
    end.set()

    assert [type(error) for error in raised] == [TimeoutError]


@pytest.mark.django_db(transaction=True)
def test_a_thread_closes_its_connection_when_its_work_fails() -> None:
    opened: list[BaseDatabaseWrapper] = []

    def fail() -> None:
        connection.ensure_connection()
        opened.append(connections["default"])
        raise DatabaseError

    run_together(fail)

    assert [wrapper.connection for wrapper in opened] == [None]
