"""Different users are counted nearly exactly, in any order and any number of times."""

import pytest

from kpis.distinct import REGISTERS, code_of, count, merged, pack, unpack


def codes(number: int, *, first: int = 0) -> list[int]:
    return [code_of(f"user-{index}") for index in range(first, first + number)]


@pytest.mark.parametrize("number", [0, 1, 2, 10, 50, 100])
def test_counts_few_users_exactly_or_one_off(number: int) -> None:
    assert abs(count(codes(number)) - number) <= 1


@pytest.mark.parametrize("number", [500, 2_000, 10_000, 41_000, 80_000])
def test_counts_many_users_within_two_per_cent(number: int) -> None:
    assert count(codes(number)) == pytest.approx(number, rel=0.02)


def test_merges_in_any_order_and_counts_a_user_once() -> None:
    first, second = codes(300), codes(300, first=200)

    assert unpack(pack([*first, *second])) == unpack(pack([*second, *first, *second]))
    assert count([*first, *second]) == count(codes(500))


def test_packing_keeps_the_number_and_at_most_a_code_for_each_register() -> None:
    many = codes(60_000)

    sketch = pack(many)

    assert count(unpack(sketch)) == count(many)
    assert len(sketch) <= 4 * REGISTERS


def test_has_the_same_sketch_on_every_machine() -> None:
    assert pack([code_of("ada"), code_of("ben")]).hex() == "035b0100c3970900"


def test_sketches_merge_to_that_of_all_their_users() -> None:
    sketches = tuple(pack(codes(300, first=first)) for first in (0, 200, 400))

    assert merged(sketches) == pack(codes(700))
    assert merged(()) == b""
