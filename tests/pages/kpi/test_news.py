import pytest

from pages.kpi.news import came_back, left_target
from tests.pages.overview.builders import Counts, make_comparison

BIG, LESS = (800, 1_000), (600, 1_000)


# (now, before), against a target of 70% → whether it left its target.
LEAVING = {
    "on, then off": (LESS, BIG, True),
    "off, then off": (LESS, LESS, False),
    "on, then on": (BIG, BIG, False),
    "off, then on": (BIG, LESS, False),
    "too close to call before": (LESS, (71, 100), False),
    "too close to call now": ((69, 100), BIG, False),
    "too few before": (LESS, (19, 19), False),
    "too few now": ((0, 19), BIG, False),
}


@pytest.mark.parametrize(("now", "before", "is_left"), LEAVING.values(), ids=LEAVING)
def test_leaves_a_target_only_from_a_clear_verdict_to_a_clear_verdict(
    now: Counts, before: Counts, *, is_left: bool
) -> None:
    comparison = make_comparison(days=[now], previous=before, target=0.7)

    assert left_target(comparison) is is_left


def test_comes_back_only_from_a_clear_verdict_to_a_clear_verdict() -> None:
    found = {
        (now, before): came_back(make_comparison(days=[now], previous=before, target=0.7))
        for now, before in ((BIG, LESS), (BIG, BIG), (BIG, (69, 100)), ((71, 100), LESS))
    }

    assert [pair for pair, is_back in found.items() if is_back] == [(BIG, LESS)]
