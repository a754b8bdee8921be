from contextlib import suppress
from threading import Event, Thread

import pytest
from django.test import RequestFactory
from django.utils.safestring import SafeString

from pages.polling.fragments import (
    REMEMBERED,
    STALE_SECONDS,
    Fragment,
    FragmentCache,
    fragment_response,
)
from tests.pages.polling.clock import Clock


def fragment(text: str = "text", *, is_active: bool = False) -> Fragment:
    return Fragment(html=SafeString(text), is_active=is_active)


def test_makes_a_fragment_once_a_second_for_each_question() -> None:
    clock, made = Clock(), []
    cache = FragmentCache(clock=clock)

    def make() -> Fragment:
        made.append(clock.seconds)
        return fragment()

    for seconds in (0, 0.9, 1, 1.9, 2.5):
        clock.seconds = seconds
        cache.get("a", make)
    cache.get("b", make)

    assert made == [0, 1, 2.5, 2.5]


class SlowMaker:
    """Makes fragments, each after `may_go`."""

    def __init__(self) -> None:
        self.is_asked, self.may_go, self.made = Event(), Event(), 0

    def __call__(self) -> Fragment:
        self.is_asked.set()
        assert self.may_go.wait(10)
        self.made += 1
        return fragment(f"new {self.made}")


def test_who_asks_for_the_first_one_while_it_is_made_waits_for_it() -> None:
    cache, make, got = FragmentCache(), SlowMaker(), []
    threads = [Thread(target=lambda: got.append(cache.get("a", make))) for _ in range(4)]

    for thread in threads:
        thread.start()
    make.is_asked.wait(10)
    make.may_go.set()
    for thread in threads:
        thread.join(10)

    assert got == [fragment("new 1")] * 4


@pytest.mark.parametrize(("age", "shown"), [(STALE_SECONDS - 0.1, "old"), (STALE_SECONDS, "new 1")])
def test_who_asks_while_the_next_one_is_made_gets_the_one_before_unless_it_is_old(
    age: float, shown: str
) -> None:
    clock, make = Clock(), SlowMaker()
    cache = FragmentCache(clock=clock)
    cache.get("a", lambda: fragment("old"))
    clock.seconds = age
    maker = Thread(target=cache.get, args=("a", make))
    maker.start()
    make.is_asked.wait(10)
    got: list[Fragment] = []
    asker = Thread(target=lambda: got.append(cache.get("a", make)))
    asker.start()
    if shown == "old":
        asker.join(10)
    make.may_go.set()
    asker.join(10)
    maker.join(10)

    assert (got, make.made) == ([fragment(shown)], 1)


def test_a_question_that_fails_is_asked_again() -> None:
    cache = FragmentCache()

    def fail() -> Fragment:
        raise LookupError

    with suppress(LookupError):
        cache.get("a", fail)

    assert cache.get("a", fragment) == fragment()


def test_remembers_no_more_than_it_may() -> None:
    cache = FragmentCache(clock=Clock())
    for number in range(REMEMBERED + 5):
        cache.get(number, fragment)

    assert len(cache._slots) == REMEMBERED


def test_answers_304_to_who_has_it_and_says_whether_something_goes_on() -> None:
    shown = fragment(is_active=True)
    known = RequestFactory().get("/", headers={"if-none-match": shown.etag})

    answer, fresh = fragment_response(known, shown), fragment_response(RequestFactory().get("/"), shown)

    assert (answer.status_code, answer.content, answer["X-Active"]) == (304, b"", "true")
    assert (fresh.status_code, fresh.content, fresh["ETag"]) == (200, b"text", shown.etag)
