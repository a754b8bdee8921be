import asyncio

import pytest

from config.server import bodies
from config.server.bodies import Body, ByteBudget, IncompleteBody, TooManyBodies


class Chunks:
    """What a client sends, and how much of it was read."""

    def __init__(self, *chunks):
        self.chunks = chunks
        self.read = 0

    async def __aiter__(self):
        for chunk in self.chunks:
            self.read += len(chunk)
            yield chunk


def receive(chunks, *, length=None, budgets=()):
    body = Body(tuple(budgets))
    return body, asyncio.run(body.receive(chunks, length=length))


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [([3], 3), ([4, 6], 10), ([4, 7], 10), ([25], 10), ([4] * 20, 10)],
)
def test_a_long_body_is_kept_up_to_what_the_door_refuses(monkeypatch, sizes, kept):
    monkeypatch.setattr(bodies, "KEPT_BYTES", 10)
    chunks = Chunks(*[b"x" * size for size in sizes])
    assert len(receive(chunks)[1]) == kept
    assert chunks.read == sum(sizes)


def test_an_endless_body_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(bodies, "KEPT_BYTES", 10)
    monkeypatch.setattr(bodies, "DRAINED_BYTES", 100)
    chunks = Chunks(*[b"x" * 30] * 100)
    receive(chunks)
    assert chunks.read == 120


def test_a_body_of_spans_may_be_longer_than_what_is_dropped_of_others(monkeypatch):
    monkeypatch.setattr(bodies, "DRAINED_BYTES", 100)
    for size, kept in ((149, 149), (150, 150), (151, 150)):
        body = Body((), limit=150)
        content = asyncio.run(body.receive(Chunks(b"x" * 75, b"x" * (size - 75)), length=size))
        assert len(content) == kept


@pytest.mark.parametrize("length", [None, 0, 3])
def test_a_body_of_the_announced_length_is_complete(length):
    assert receive(Chunks(b"abc"), length=length)[1] == b"abc"


def test_a_body_below_the_announced_length_is_not():
    with pytest.raises(IncompleteBody):
        receive(Chunks(b"abc"), length=4)


def test_what_is_kept_is_paid_for_until_it_is_released():
    budgets = [ByteBudget(10), ByteBudget(20)]
    body, _ = receive(Chunks(b"x" * 4, b"x" * 6), budgets=budgets)
    assert [budget.used for budget in budgets] == [10, 10]
    for _ in range(2):
        body.release()
        assert [(budget.used, budget.peak) for budget in budgets] == [(0, 10), (0, 10)]


def test_bodies_beyond_the_budget_are_refused_and_others_keep_theirs():
    shared, small = ByteBudget(100), ByteBudget(10)
    receive(Chunks(b"x" * 6), budgets=[shared, small])
    beyond = Body((shared, small))
    with pytest.raises(TooManyBodies):
        asyncio.run(beyond.receive(Chunks(b"x" * 4, b"x"), length=None))
    beyond.release()
    assert (shared.used, small.used) == (6, 6)


def test_draining_ends(monkeypatch):
    monkeypatch.setattr(bodies, "DRAINED_BYTES", 100)
    chunks = Chunks(*[b"x" * 30] * 100)
    asyncio.run(bodies.drain(chunks))
    assert chunks.read == 120
