"""The part of a page that is asked for again and again: made once a second by a process, however many look at it.

static/portal/polling.js asks. It sends the ETag of what it shows, and is answered 304 while nothing has changed.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from threading import Lock
from time import monotonic

from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

# The parameter that asks for the fragment alone.
PART = "part"
LIVE = "live"
MAX_AGE_SECONDS = 1.0
# As many different questions as are remembered; the one that was asked least recently is forgotten.
REMEMBERED = 64


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """HTML that is the same for everybody who may ask the question. `is_active`: something in it goes on."""

    html: SafeString
    is_active: bool

    @property
    def etag(self) -> str:
        """Of the HTML, and of whether something goes on: the browser is told when that ends, too."""
        return f'"{sha256(f"{self.is_active}{self.html}".encode()).hexdigest()[:32]}"'


@dataclass
class Slot:
    lock: Lock = field(default_factory=Lock)
    made_at: float = 0.0
    fragment: Fragment | None = None


class FragmentCache:
    """The newest fragments of this process. Whoever asks while one is made waits for it."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._slots: OrderedDict[Hashable, Slot] = OrderedDict()

    def get(self, question: Hashable, make: Callable[[], Fragment]) -> Fragment:
        """The fragment of the question, which has all that the answer depends on: the environment and rights too."""
        slot = self._slot(question)
        with slot.lock:
            if slot.fragment is None or self._clock() - slot.made_at >= MAX_AGE_SECONDS:
                slot.fragment = make()
                slot.made_at = self._clock()
            return slot.fragment

    def forget(self) -> None:
        with self._lock:
            self._slots.clear()

    def _slot(self, question: Hashable) -> Slot:
        with self._lock:
            slot = self._slots.setdefault(question, Slot())
            self._slots.move_to_end(question)
            if len(self._slots) > REMEMBERED:
                self._slots.popitem(last=False)
            return slot


fragments = FragmentCache()


def asks_for_fragment(request: HttpRequest) -> bool:
    return request.GET.get(PART) == LIVE


def fragment_response(request: HttpRequest, fragment: Fragment) -> HttpResponse:
    """The fragment with its ETag; 304 without it where the reader has it."""
    is_known = fragment.etag in request.headers.get("If-None-Match", "").replace("W/", "").split(", ")
    response = HttpResponse(status=HTTPStatus.NOT_MODIFIED) if is_known else HttpResponse(fragment.html)
    response.headers["ETag"] = fragment.etag
    response.headers["X-Active"] = "true" if fragment.is_active else "false"
    return response
