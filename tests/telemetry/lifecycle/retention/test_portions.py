from collections.abc import Callable

import pytest

from telemetry.lifecycle.retention import portions as module
from telemetry.lifecycle.retention.portions import portions


def ticking(seconds: float) -> Callable[[], float]:
    """A clock on which so much time passes between two looks."""
    moments = iter(number * seconds for number in range(1_000))
    return lambda: next(moments)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_A_PORTION", 2)
    monkeypatch.setattr(module, "SECONDS_A_STEP", 1.0)


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    ("seconds", "taken"),
    [
        (0.1, [[1, 2], [3, 4], [5]]),
        (0.5, [[1, 2], [3, 4]]),
        (0.9, [[1, 2], [3, 4]]),
        (1.0, [[1, 2]]),
        (60.0, [[1, 2]]),
    ],
)
def test_the_clock_ends_a_step_after_one_portion_at_least(seconds: float, taken: list[list[int]]) -> None:
    assert list(portions([1, 2, 3, 4, 5], clock=ticking(seconds))) == taken


@pytest.mark.only_on("postgresql")
def test_where_posts_do_not_wait_all_goes_at_once() -> None:
    assert list(portions([1, 2, 3, 4, 5], clock=ticking(60))) == [[1, 2, 3, 4, 5]]
