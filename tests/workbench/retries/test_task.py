import pytest

from workbench.retries import schedule
from workbench.tasks import send_retries


def test_a_worker_makes_all_due_attempts_and_the_scheduler_one_a_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    due = iter([True, True, False, True, True])
    monkeypatch.setattr(schedule, "send_next", lambda now: next(due))

    send_retries()
    send_retries.apply()

    assert list(due) == [True]
