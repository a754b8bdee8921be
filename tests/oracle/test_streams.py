"""The random streams themselves: valid, distinct, delivered whole."""

import json
from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.compute import Post, first_of_each, identity, moment_of
from tests.oracle.streams import SPRING, Stream, deliveries, posted, realistic, settled, streams


def chat(event_id: str | None, length: int) -> Post:
    document = {"event": "workbench.chat_message_sent", "properties": {"messageLength": length}}
    return posted(document, environment="e", source="web", session="s", moment=SPRING.now, event_id=event_id)


@given(streams())
def test_a_stream_lies_in_the_late_window_and_has_no_duplicates(stream: Stream) -> None:
    moments = [moment_of(post) for post in stream.posts]

    assert all(stream.now - timedelta(days=29) < moment <= stream.now for moment in moments)
    assert first_of_each(stream.posts) == stream.posts


@given(streams(), st.integers(0, 2**32))
def test_deliveries_hold_every_post_at_least_once_and_nothing_else(stream: Stream, seed: int) -> None:
    delivered = Counter(
        (batch.environment, batch.source, document)
        for batch in deliveries(stream.posts, seed=seed)
        for document in batch.documents
    )
    assert set(delivered) == {
        (post.environment, post.source, json.dumps(post.document, ensure_ascii=False).encode())
        for post in stream.posts
    }


def test_settling_renames_a_different_event_of_the_same_id_and_drops_the_same_one() -> None:
    ids = [post.document.get("id") for post in settled([chat("i", 1), chat("i", 2), chat("i", 1)])]
    assert ids == ["i", "i-1"]


def test_settling_drops_nothing_that_differs() -> None:
    assert len(settled([chat(None, 1), chat(None, 2), chat(None, 2)])) == 2


def test_a_realistic_stream_is_the_same_for_the_same_seed() -> None:
    first = realistic(seed=1, now=SPRING.now, sessions=20)

    assert first == realistic(seed=1, now=SPRING.now, sessions=20)
    assert first != realistic(seed=2, now=SPRING.now, sessions=20)
    assert len({identity(post) for post in first}) == len(first) > 100
