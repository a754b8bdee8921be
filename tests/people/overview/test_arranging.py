"""The order of a person's overview."""

import pytest
from django.contrib.auth.models import AnonymousUser

from people.overview.arranging import DEFAULT, Arrangement, arrangement_of, moved, rearrange
from tests.people.builders import make_person

# (name, by) → the names a, b and c afterwards.
MOVES = {
    ("b", -1): "bac",
    ("b", 1): "acb",
    ("a", -1): "abc",
    ("c", 1): "abc",
    ("a", 9): "bca",
    ("x", 1): "abc",
}


@pytest.mark.parametrize(("move", "expected"), MOVES.items(), ids=str)
def test_moves_a_name_at_most_to_an_end(move: tuple[str, int], expected: str) -> None:
    name, by = move

    assert moved("abc", name, by=by) == tuple(expected)


def test_pins_a_name_once_and_last() -> None:
    arrangement = DEFAULT.with_pin("a").with_pin("b").with_pin("a")

    assert arrangement.pinned == ("a", "b")
    assert arrangement.with_pin_moved("b", by=-1, shown="ab").without_pin("a").pinned == ("b",)


def test_orders_sections_and_leaves_the_others_where_they_are() -> None:
    arrangement = Arrangement(sections=("c", "gone"))

    assert arrangement.order_sections(["a", "b", "c"]) == ("c", "a", "b")


@pytest.mark.parametrize(("shown", "order"), [("abc", "acb"), ("ac", "cba"), ("c", "abc"), ("ab", "abc")])
def test_moves_a_section_past_others_that_are_shown(shown: str, order: str) -> None:
    moved_up = DEFAULT.with_section_moved("c", by=-1, among="abc", shown=shown)

    assert moved_up.sections == tuple(order)


def test_moves_a_pin_past_others_that_are_shown() -> None:
    pins = Arrangement(pinned=("a", "gone", "b"))

    assert pins.with_pin_moved("b", by=-1, shown="ab").pinned == ("b", "gone", "a")


def test_shows_people_who_are_not_signed_in_the_default() -> None:
    assert arrangement_of(AnonymousUser()) == DEFAULT


@pytest.mark.django_db
def test_keeps_each_persons_own_arrangement() -> None:
    ada, ben = make_person("ada"), make_person("ben")

    rearrange(ada, change=lambda arrangement: arrangement.with_pin("a"))
    rearrange(
        ada, change=lambda arrangement: arrangement.with_section_moved("y", by=-1, among="xy", shown="xy")
    )

    assert arrangement_of(ada) == Arrangement(pinned=("a",), sections=("y", "x"))
    assert arrangement_of(ben) == DEFAULT
