import random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import minutes
from workbench.fold.pairs.pairing import (
    Acceptance,
    Creation,
    Decision,
    Request,
    pair_approvals,
    pair_creations,
)


def creation(minute: float, key: int = 0, source: str = "chat") -> Creation:
    return Creation(created_at=minutes(minute), event_key=UUID(int=key or round(minute * 100)), source=source)


def paired(creations: list[Creation], acceptances: list[tuple[float, str]]) -> dict[str, Creation]:
    return pair_creations(
        acceptances=[
            Acceptance(accepted_at=minutes(minute), draft_id=draft) for minute, draft in acceptances
        ],
        creations=creations,
    )


def test_an_acceptance_takes_the_latest_creation_before_it() -> None:
    assert paired([creation(1), creation(2), creation(4)], [(3, "d-1")]) == {"d-1": creation(2)}


def test_a_creation_at_the_moment_of_the_acceptance_is_taken_and_a_later_one_is_not() -> None:
    assert paired([creation(3)], [(3, "d-1")]) == {"d-1": creation(3)}
    assert paired([creation(3)], [(2.99, "d-1")]) == {}


def test_a_creation_is_taken_once() -> None:
    assert paired([creation(1)], [(2, "d-1"), (3, "d-2")]) == {"d-1": creation(1)}


def test_acceptances_choose_in_the_order_of_time() -> None:
    creations = [creation(1), creation(2), creation(5)]

    assert paired(creations, [(6, "d-3"), (4, "d-2"), (3, "d-1"), (7, "d-4")]) == {
        "d-1": creation(2),
        "d-2": creation(1),
        "d-3": creation(5),
    }


def test_ties_go_to_the_larger_event_key_and_the_smaller_draft_id() -> None:
    creations = [creation(1, key=2), creation(1, key=3), creation(1, key=1)]

    assert paired(creations, [(2, "d-b"), (2, "d-a")]) == {
        "d-a": creation(1, key=3),
        "d-b": creation(1, key=2),
    }


def test_nothing_pairs_with_nothing() -> None:
    assert paired([], []) == paired([creation(1)], []) == paired([], [(1, "d-1")]) == {}


def by_the_words_of_the_specification(
    creations: list[Creation], acceptances: list[tuple[float, str]]
) -> dict[str, Creation]:
    """Each acceptance, in time order, takes the latest creation at or before it that none has taken."""
    left = sorted(creations, key=lambda creation: (creation.created_at, creation.event_key))
    result = {}
    for minute, draft in sorted(acceptances):
        if before := [creation for creation in left if creation.created_at <= minutes(minute)]:
            result[draft] = before[-1]
            left.remove(before[-1])
    return result


@given(
    st.lists(st.integers(0, 12), max_size=8),
    st.lists(st.integers(0, 12), max_size=8),
    st.randoms(use_true_random=False),
)
def test_creations_pair_as_the_specification_says_in_any_order(
    created: list[int], accepted: list[int], chance: random.Random
) -> None:
    creations = [creation(minute, key=number + 1) for number, minute in enumerate(created)]
    acceptances: list[tuple[float, str]] = [(minute, f"d-{number}") for number, minute in enumerate(accepted)]
    expected = by_the_words_of_the_specification(creations, acceptances)
    chance.shuffle(creations)

    chance.shuffle(acceptances)

    assert paired(creations, acceptances) == expected


# Approvals -------------------------------------------------------------------------------------------------

A, B = '["a"]', '["b"]'


def request(key: int, minute: float, *, approval: str = "", session: str = "s-1", tools: str = A) -> Request:
    return Request(UUID(int=key), session, approval, tools, minutes(minute))


def decision(
    key: int, minute: float, *, approval: str = "", session: str = "s-1", tools: str = ""
) -> Decision:
    return Decision(UUID(int=key), session, approval, tools, minutes(minute))


def answers(*items: Request | Decision) -> tuple[dict[int, int], set[int]]:
    """({decision key: request key}, keys of the repeats)."""
    found = pair_approvals(
        requests=[item for item in items if isinstance(item, Request)],
        decisions=[item for item in items if isinstance(item, Decision)],
    )
    answered = {key.int: value.event_key.int for key, value in found.answered.items()}
    return answered, {key.int for key in found.repeats}


def test_both_carry_the_approval_id() -> None:
    assert answers(
        request(1, 0, approval="x"),
        request(2, 1, approval="y"),
        decision(11, 2, approval="y"),
        decision(12, 3, approval="x"),
    ) == ({11: 2, 12: 1}, set())


def test_an_approval_id_pairs_across_sessions_whatever_the_tools() -> None:
    asked = request(1, 0, approval="x", session="agent", tools=A)

    assert answers(asked, decision(11, 1, approval="x", session="user", tools=B)) == ({11: 1}, set())


def test_an_approval_id_pairs_even_with_a_later_request() -> None:
    assert answers(request(1, 5, approval="x"), decision(11, 1, approval="x")) == ({11: 1}, set())


def test_the_earliest_of_an_approval_id_pair_and_later_ones_are_repeats() -> None:
    assert answers(
        request(1, 1, approval="x"),
        request(2, 0, approval="x", session="s-2"),
        decision(12, 4, approval="x"),
        decision(11, 3, approval="x", session="s-3"),
    ) == ({11: 2}, {12})


def test_a_repeated_request_is_never_open() -> None:
    repeated = [request(1, 0, approval="x"), request(2, 1, approval="x")]

    assert answers(*repeated, decision(11, 2), decision(12, 3)) == ({11: 1}, set())


def test_ties_of_an_approval_id_go_to_the_smaller_event_key() -> None:
    assert answers(
        request(2, 0, approval="x"),
        request(1, 0, approval="x"),
        decision(12, 1, approval="x"),
        decision(11, 1, approval="x"),
    ) == ({11: 1}, {12})


def test_a_decision_without_id_takes_the_earliest_open_request_of_its_session() -> None:
    assert answers(
        request(1, 0, session="s-2"), request(2, 2), request(3, 1), decision(11, 3), decision(12, 4)
    ) == ({11: 3, 12: 2}, set())


def test_decisions_choose_in_the_order_of_time_and_then_of_their_keys() -> None:
    requests = [request(1, 0), request(2, 0.5), request(3, 0.7)]

    assert answers(*requests, decision(13, 2), decision(12, 1), decision(11, 1)) == (
        {11: 1, 12: 2, 13: 3},
        set(),
    )


@pytest.mark.parametrize(
    ("minute", "answered"),
    [
        pytest.param(0.99, {}, id="before the request"),
        pytest.param(1, {11: 1}, id="at its moment"),
        pytest.param(1.01, {11: 1}, id="after it"),
    ],
)
def test_a_request_is_open_from_its_own_moment_on(minute: float, answered: dict[int, int]) -> None:
    assert answers(request(1, 1), decision(11, minute)) == (answered, set())


def test_a_decision_that_names_tools_takes_a_request_for_the_same_tools() -> None:
    requests = [request(1, 0, tools=A), request(2, 1, tools=B)]

    assert answers(*requests, decision(11, 2, tools=B)) == ({11: 2}, set())
    assert answers(*requests, decision(11, 2, tools='["a", "b"]')) == ({}, set())
    assert answers(*requests, decision(11, 2, tools="")) == ({11: 1}, set())


def test_a_decision_without_id_may_answer_a_request_with_id_that_none_answers() -> None:
    assert answers(request(1, 0, approval="x"), decision(11, 1)) == ({11: 1}, set())


def test_a_request_that_its_own_decision_answers_is_not_open_for_others() -> None:
    asked = request(1, 0, approval="x")

    assert answers(asked, decision(11, 1), decision(12, 5, approval="x", session="s-2")) == ({12: 1}, set())


def test_a_decision_whose_approval_id_no_request_carries_takes_one_without() -> None:
    requests = [request(1, 0, approval="y"), request(2, 1)]

    assert answers(*requests, decision(11, 2, approval="x")) == ({11: 2}, set())


@given(
    st.lists(
        st.builds(
            lambda is_request, minute, approval, session, tools: (
                is_request,
                minute,
                approval,
                session,
                tools,
            ),
            st.booleans(),
            st.integers(0, 6),
            st.sampled_from(["", "", "x", "y"]),
            st.sampled_from(["s-1", "s-2"]),
            st.sampled_from(["", A, B]),
        ),
        max_size=10,
    ),
    st.randoms(use_true_random=False),
)
def test_approvals_pair_the_same_in_any_order(
    drawn: list[tuple[bool, int, str, str, str]], chance: random.Random
) -> None:
    items = [
        (request if is_request else decision)(
            key + 1, minute, approval=approval, session=session, tools=tools
        )
        for key, (is_request, minute, approval, session, tools) in enumerate(drawn)
    ]
    in_order = answers(*items)

    chance.shuffle(items)

    assert answers(*items) == in_order

    answered, repeats = in_order

    assert len(set(answered.values())) == len(answered), "a request was answered twice"
    assert not repeats & answered.keys()
