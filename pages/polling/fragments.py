"""The part of a page that is asked for again and again: made once a second by a process, however many look at it.

static/portal/polling.js asks. It sends the ETag of what it shows, and is answered 304 while nothing has changed.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from http import HTTPStatus
from threading import Lock
from time import monotonic
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import get_language

# The parameter that asks for the fragment alone.
PART = "part"
LIVE = "live"
MAX_AGE_SECONDS = 1.0
# An older one is not shown while the next one is made.
STALE_SECONDS = 3.0
# As many different questions as are remembered; the one that was asked least recently is forgotten.
REMEMBERED = 64


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """HTML that is the same for everybody who may ask the question. `is_active`: something in it goes on."""

    html: SafeString
    is_active: bool

    @cached_property
    def etag(self) -> str:
        """Of the HTML, and of whether something goes on: the browser is told when that ends, too."""
        return f'"{sha256(f"{self.is_active}{self.html}".encode()).hexdigest()[:32]}"'


@dataclass
class Slot:
    lock: Lock = field(default_factory=Lock)
    made_at: float = 0.0
    fragment: Fragment | None = None


class FragmentCache:
    """The newest fragments of this process. Whoever asks while one is made gets the one of a moment before.

    Whoever waits holds a thread of the web server, so only those wait for whom there is none, or only an old one.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._slots: OrderedDict[Hashable, Slot] = OrderedDict()

    def get(self, question: Hashable, make: Callable[[], Fragment]) -> Fragment:
        """The fragment of the question, which has all that the answer depends on: the environment and rights too."""
        slot = self._slot(question)
        recent = self._younger_than(STALE_SECONDS, slot)
        if not slot.lock.acquire(blocking=recent is None):
            return cast("Fragment", recent)
        try:
            fragment = self._younger_than(MAX_AGE_SECONDS, slot)
            if fragment is None:
                fragment = slot.fragment = make()
                slot.made_at = self._clock()
            return fragment
        finally:
            slot.lock.release()

    def forget(self) -> None:
        with self._lock:
            self._slots.clear()

    def _younger_than(self, seconds: float, slot: Slot) -> Fragment | None:
        return slot.fragment if self._clock() - slot.made_at < seconds else None

    def _slot(self, question: Hashable) -> Slot:
        with self._lock:
            slot = self._slots.setdefault(question, Slot())
            self._slots.move_to_end(question)
            if len(self._slots) > REMEMBERED:
                self._slots.popitem(last=False)
            return slot


fragments = FragmentCache()


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a page asks for again and again.

    The key has all that the answer depends on, but for the time and the reader's language.
    """

    key: Hashable
    make: Callable[[], Fragment]

    def answer(self) -> Fragment:
        """Raises what `make` raises."""
        return fragments.get((get_language(), self.key), self.make)


def asks_for_fragment(request: HttpRequest) -> bool:
    return request.GET.get(PART) == LIVE


def fragment_response(request: HttpRequest, fragment: Fragment) -> HttpResponse:
    """The fragment with its ETag; 304 without it where the reader has it."""
    is_known = fragment.etag in request.headers.get("If-None-Match", "").replace("W/", "").split(", ")
    response = HttpResponse(status=HTTPStatus.NOT_MODIFIED) if is_known else HttpResponse(fragment.html)
    response.headers["ETag"] = fragment.etag
    response.headers["X-Active"] = "true" if fragment.is_active else "false"
    return response
