"""Who was let in to a fragment a moment ago, so that 200 people who look do not cost 200 times who they are.

A session that asked for a fragment, and was answered, is answered again without reading session, person, rights and
limits. It is forgotten within a second of anything that is noted in the audit: whoever signs out, loses a right or is
shut off is noted there. What is not noted (the end of a session's days) counts a minute later.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import get_language

from audit import trail
from pages.polling.fragments import Question, asks_for_fragment, fragment_response

ADMITTED_SECONDS = 60.0
# How soon a change in the audit is seen.
CHECK_SECONDS = 1.0
# Of a process; whoever asked least recently is forgotten.
MOST_ADMITTED = 2_000


# Where a request keeps the changes that were known before its rights were read.
CHANGES = "portal.polling.changes"


@dataclass(frozen=True, kw_only=True)
class Admission:
    """`changes` were known before the asker's rights were read: a later one ends the admission."""

    question: Question
    changes: Hashable
    admitted_at: float


class Admissions:
    """Those of this process. `read_changes` gives something else after whatever may change somebody's rights."""

    def __init__(
        self, *, read_changes: Callable[[], Hashable], clock: Callable[[], float] = monotonic
    ) -> None:
        self._read_changes = read_changes
        self._clock = clock
        self._lock = Lock()
        self._admitted: OrderedDict[Hashable, Admission] = OrderedDict()
        self._changes: Hashable = None
        self._read_at: float | None = None

    def changes(self) -> Hashable:
        """As they were a second ago at most."""
        with self._lock:
            if self._read_at is None or self._clock() - self._read_at >= CHECK_SECONDS:
                self._changes = self._read_changes()
                self._read_at = self._clock()
            return self._changes

    def find(self, asker: Hashable, *, changes: Hashable) -> Question | None:
        """What the asker was let in to, if nothing has changed since."""
        with self._lock:
            admission = self._admitted.get(asker)
            if admission is None:
                return None
            if admission.changes != changes or self._clock() - admission.admitted_at >= ADMITTED_SECONDS:
                del self._admitted[asker]
                return None
            self._admitted.move_to_end(asker)
            return admission.question

    def note(self, asker: Hashable, question: Question, *, changes: Hashable) -> None:
        """Remember that the asker was let in to the question, with the changes known before that was found out."""
        with self._lock:
            self._admitted[asker] = Admission(question=question, changes=changes, admitted_at=self._clock())
            self._admitted.move_to_end(asker)
            if len(self._admitted) > MOST_ADMITTED:
                self._admitted.popitem(last=False)

    def forget(self) -> None:
        with self._lock:
            self._admitted.clear()
            self._read_at = None


admissions = Admissions(read_changes=trail.newest_keys)


def answer_poll(request: HttpRequest, question: Question) -> HttpResponse:
    """The answer to somebody whose rights were read in this request. Raises what the question raises."""
    fragment = question.answer()
    if CHANGES in request.META:
        admissions.note(asker_of(request), question, changes=request.META[CHANGES])
    return fragment_response(request, fragment)


def asker_of(request: HttpRequest) -> Hashable:
    """The session, and all of the request that the answer depends on."""
    return (
        request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""),
        request.scheme,
        request.get_host(),
        request.get_full_path(),
        get_language(),
    )


class AdmittedPollsMiddleware:
    """Answers those who were let in a moment ago. It stands above what reads who they are."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        if request.method != "GET" or not asks_for_fragment(request):
            return None
        changes = request.META[CHANGES] = admissions.changes()
        question = admissions.find(asker_of(request), changes=changes)
        return fragment_response(request, question.answer()) if question else None
