from contextlib import suppress
from threading import Event, Thread

from django.test import RequestFactory
from django.utils.safestring import SafeString

from pages.polling import REMEMBERED, Fragment, FragmentCache, fragment_response


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


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


def test_who_asks_while_it_is_made_waits_for_it() -> None:
    cache, is_asked, may_go, made = FragmentCache(), Event(), Event(), []

    def make() -> Fragment:
        is_asked.set()
        may_go.wait(10)
        made.append(1)
        return fragment()

    threads = [Thread(target=cache.get, args=("a", make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    is_asked.wait(10)
    may_go.set()
    for thread in threads:
        thread.join(10)

    assert made == [1]


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
