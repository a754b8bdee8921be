"""Posts made-up events to a portal over HTTP, as a client does."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, build_opener

from kpis.demo.day import Event
from telemetry.notices.channels import NoRedirects

TELEMETRY_PATH = "/api/workbench/telemetry"
TIMEOUT_SECONDS = 30
EVENTS_A_POST = 500
# So long is a post tried again that was not answered, or answered with a fault that passes.
PATIENCE_SECONDS = 60.0
# Between two tries, where the portal does not ask for more by Retry-After.
PAUSE_SECONDS = 1.0
LONGEST_ERROR_BYTES = 10_000


class PostFailed(Exception):
    """The portal does not take the events; the text is a sentence that says what it answered."""


class TryLater(Exception):
    """The portal does not take the events now. `pause_seconds` is how long it wants to be left alone."""

    def __init__(self, text: str, *, pause_seconds: float = PAUSE_SECONDS) -> None:
        super().__init__(text)
        self.pause_seconds = pause_seconds


# A redirect would turn a post into a GET.
opener = build_opener(NoRedirects)


@dataclass(frozen=True, kw_only=True)
class PostCounts:
    """What became of events."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0

    def __add__(self, other: "PostCounts") -> "PostCounts":
        return PostCounts(
            accepted=self.accepted + other.accepted,
            duplicate=self.duplicate + other.duplicate,
            rejected=self.rejected + other.rejected,
        )


def post_events(
    events: Sequence[Event],
    *,
    url: str,
    key: str,
    tell: Callable[[str], None] = lambda text: None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> PostCounts:
    """Posts the events in order. Safe to repeat: each has an id of its own. Raises PostFailed.

    `tell` gets a sentence before each wait for a portal that does not take them now. A post waits for
    `patience_seconds` in all.
    """
    if not url.startswith(("http://", "https://")):
        raise PostFailed(f"{url}: a portal's address begins with http:// or https://.")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    counts = PostCounts()
    for start in range(0, len(events), EVENTS_A_POST):
        body = json.dumps({"events": events[start : start + EVENTS_A_POST]}).encode()
        request = Request(url.rstrip("/") + TELEMETRY_PATH, data=body, headers=headers)  # noqa: S310 (checked above)
        counts += _post_patiently(request, tell=tell, patience_seconds=patience_seconds)
    return counts


def _post_patiently(request: Request, *, tell: Callable[[str], None], patience_seconds: float) -> PostCounts:
    """The same body again and again, until it is taken. Raises PostFailed."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return _post(request)
        except TryLater as fault:
            pause = fault.pause_seconds
            if time.monotonic() + pause > deadline:
                raise PostFailed(
                    f"{fault} The next try would be in {pause:g} s; a post waits for {patience_seconds:g} s at most."
                ) from fault
            tell(f"{fault} The same events are sent again in {pause:g} s.")
            time.sleep(pause)


def _post(request: Request) -> PostCounts:
    """Raises TryLater for a fault that passes, and PostFailed for another one."""
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            answer = json.load(response)
        return PostCounts(
            accepted=answer["accepted"], duplicate=answer["duplicates"], rejected=answer["rejected"]
        )
    except HTTPError as error:
        with error:
            raise _fault_of(error) from error
    except (OSError, HTTPException) as error:
        raise TryLater(f"The portal does not answer: {error}.") from error
    except (ValueError, LookupError, TypeError) as error:
        raise PostFailed("The answer is not a portal's: something else answers at this address.") from error


def _fault_of(error: HTTPError) -> TryLater | PostFailed:
    text = f"The portal answered {error.code} {error.reason}: {_sentence_of(error)}"
    if error.code != HTTPStatus.TOO_MANY_REQUESTS and error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return PostFailed(text)
    return TryLater(text, pause_seconds=_retry_after(error))


def _sentence_of(error: HTTPError) -> str:
    """What the portal says of the fault, or where the answer leads."""
    if location := error.headers.get("Location", ""):
        return f"it leads to {location}; name that address."
    try:
        found = json.loads(error.read(LONGEST_ERROR_BYTES))
    except (OSError, ValueError, HTTPException):
        found = None
    message = found.get("message") if isinstance(found, dict) else None
    return message if isinstance(message, str) and message else "without a word of its own."


def _retry_after(error: HTTPError) -> float:
    """Seconds that the answer asks for, and PAUSE_SECONDS at least."""
    value = error.headers.get("Retry-After", "")
    is_number = value.isascii() and value.isdigit() and len(value) < 10
    return max(PAUSE_SECONDS, float(value) if is_number else 0.0)
