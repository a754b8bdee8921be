"""Says what a body is that can't be read as events, and what to send in its place. It repeats nothing of the body."""

import msgspec

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# As much of a body as shows what it is.
BEGINNING = 2_048

EMPTY = "The body is empty. Send JSON, and the length of the body as Content-Length."
MARKED = "The body begins with a byte order mark. Send UTF-8 without one."
UTF_16 = "The body is not UTF-8 but looks like UTF-16. Send UTF-8."
LINES = "The body looks like NDJSON, with one JSON object a line. Send one JSON list with a comma between the objects."
FORM = "The body looks like a form. Send JSON."
COMPRESSED = "The body is compressed. Say how in Content-Encoding: gzip or zstd."
ENCODED_TWICE = (
    "The body is one JSON text with JSON in it: it was encoded twice. Send the inner JSON as it is."
)

OWN_SHAPE = 'The body must be {"events": […]}, a list of events, or one event object.'
CLOUDEVENT = "This is a CloudEvent. Send it with the Content-Type application/cloudevents+json."
CLOUDEVENTS = "These are CloudEvents. Send them with the Content-Type application/cloudevents-batch+json."
SEGMENT_BATCH = "This is a batch of Segment's libraries. Post it to /v1/batch."
SEGMENT_CALL = (
    "This is a call of Segment's libraries. Post it to /v1/track, and other calls to /v1/ and their type."
)
POSTHOG_BATCH = "This is a batch of PostHog's libraries. Post it to /batch/."
POSTHOG_EVENT = "This is an event of PostHog's libraries. Post it to /capture/."

_decode_text = msgspec.json.Decoder(str).decode


def of_text(body: bytes) -> str:
    """What a body looks like that is not JSON; empty if that is not clear."""
    beginning = body[:BEGINNING].lstrip()
    if not beginning:
        return EMPTY
    if body.startswith(BYTE_ORDER_MARK):
        return MARKED
    if body.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        return COMPRESSED
    if b"\0" in body[:4]:
        return UTF_16
    if is_lines(body):
        return LINES
    return FORM if beginning[:1].isalpha() and b"=" in beginning.split(b"&")[0] else ""


def is_lines(body: bytes) -> bool:
    """Whether the first line is an object by itself and the second begins another one."""
    first, _, rest = body.lstrip().partition(b"\n")
    if not (first.startswith(b"{") and rest.lstrip().startswith(b"{")):
        return False
    try:
        msgspec.json.decode(first)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def of_shape(text: bytes) -> str:
    """What to do about JSON that is neither a batch nor an event; `text` is what msgspec can read."""
    try:
        inner = _decode_text(text)
    except msgspec.DecodeError:
        return OWN_SHAPE
    return ENCODED_TWICE if inner.lstrip()[:1] in {"{", "["} else OWN_SHAPE


def of_keys(keys: frozenset[str]) -> str:
    """What to do about a JSON object that is neither a batch nor an event of the portal, by its keys."""
    if "specversion" in keys:
        return CLOUDEVENT
    if "batch" in keys:
        return POSTHOG_BATCH if keys & {"api_key", "historical_migration"} else SEGMENT_BATCH
    if keys & {"api_key", "distinct_id"}:
        return POSTHOG_EVENT
    if keys & {"messageId", "anonymousId", "writeKey", "traits"}:
        return SEGMENT_CALL
    if "events" in keys:
        return f"{OWN_SHAPE} Beside events there may be no other key, and events must be a list."
    return f"{OWN_SHAPE} An event object has its name in event."
