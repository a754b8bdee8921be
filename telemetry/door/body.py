"""Reads the events out of a request's body, and bounds its content type, encoding, size and shape."""

import zlib
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import IO

import msgspec
import zstandard
from django.http import HttpRequest
from django.http.request import UnreadablePostError

from telemetry.door import misreadings
from telemetry.door.strict_json import UnreadableJson, check_json_text
from telemetry.plan.schema import MAX_BATCH_EVENTS
from web.errors import ApiError

MAX_BODY_BYTES = 1024 * 1024
# A frame can ask for memory of this size before it holds any data.
MAX_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024

CONTENT_TYPES = frozenset({"", "application/json", "text/plain"})
CHARSETS = {"", "utf-8", "utf8"}


class EventsBody(msgspec.Struct, forbid_unknown_fields=True):
    events: list[msgspec.Raw]


batch_decoder = msgspec.json.Decoder(EventsBody)
list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_events(request: HttpRequest) -> list[msgspec.Raw]:
    """The raw events of a request's body, in its order; one event object is a batch of one.

    Raises ApiError: 415 for a content type, charset or encoding that is not accepted; 413 above 1 MiB (after
    decompression) or 2,500 events; 400 for what cannot be read as a batch.
    """
    check_content_type(request)
    return split_events(read_decompressed(request))


def read_decompressed(request: HttpRequest, *, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body without its Content-Encoding, at most `limit` bytes. Raises ApiError as `read_events`."""
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "")
    return decompress(read_bytes(request, limit=limit), encoding=encoding, limit=limit)


def check_content_type(
    request: HttpRequest,
    *,
    accepted: Collection[str] = CONTENT_TYPES,
    names: str = "application/json or text/plain",
) -> None:
    if request.content_type not in accepted:
        raise unsupported(f"The Content-Type must be {names}. Send JSON, and say so in this header.")
    if (request.content_params or {}).get("charset", "").lower() not in CHARSETS:
        raise unsupported("The charset must be utf-8. Send the body in UTF-8.")


def read_bytes(request: HttpRequest, *, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body as it was sent. A length above the limit is refused before anything is read."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdecimal() and (size := int(length[:20])) > limit:
        raise too_large(limit, size=size)
    # Django does not read a body without a length. A chunked one can be read if the server ends the stream.
    is_chunked = not length and request.META.get("wsgi.input_terminated", False)
    stream = request.META["wsgi.input"] if is_chunked else request
    try:
        body = read_all(stream, limit=limit + 1)
    except (UnreadablePostError, OSError):
        message = "The body ended before its Content-Length. Send it again, and whole."
        raise unreadable(code="incomplete_body", message=message) from None
    return check_size(body, limit=limit)


def read_all(stream: IO[bytes] | HttpRequest, *, limit: int) -> bytes:
    """At most `limit` bytes. It reads until they are there, because a stream may give fewer at a time."""
    body = stream.read(limit)
    while len(body) < limit and (chunk := stream.read(limit - len(body))):
        body += chunk
    return body


def decompress(body: bytes, *, encoding: str, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body without its Content-Encoding, which is gzip, deflate or zstd. Raises ApiError (400, 413, 415)."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name not in DECOMPRESSORS:
        raise unsupported(
            "The Content-Encoding must be gzip, deflate or zstd, applied once. Send the body so, or plain."
        )
    try:
        return check_size(DECOMPRESSORS[name](body, limit), limit=limit)
    except (zlib.error, zstandard.ZstdError, EOFError):
        message = f"The body is not {name} data, or not all of it. Send all of it, or no Content-Encoding."
        raise unreadable(code="bad_encoding", message=message) from None


def from_gzip(body: bytes, limit: int) -> bytes:
    return from_zlib(body, limit, wbits=31)


def from_deflate(body: bytes, limit: int) -> bytes:
    """Decompresses deflate with the zlib header of RFC 9110, and without it, as some clients send it."""
    has_header = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return from_zlib(body, limit, wbits=15 if has_header else -15)


def from_zlib(body: bytes, limit: int, *, wbits: int) -> bytes:
    stream = zlib.decompressobj(wbits=wbits)
    data = stream.decompress(body, limit + 1)
    # Too much data is another fault (413). Otherwise the stream was cut off, or something follows it.
    if len(data) <= limit and (not stream.eof or stream.unused_data):
        raise EOFError
    return data


def from_zstd(body: bytes, limit: int) -> bytes:
    """Decompresses zstd: one frame, and nothing behind it."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW_BYTES)
    data = decompressor.stream_reader(body).read(limit + 1)
    if len(data) > limit:
        return data
    # The reader does not say where the frame ended. The data are small, so they can be made once more.
    stream = decompressor.decompressobj()
    stream.decompress(body)
    if not stream.eof or stream.unused_data:
        raise EOFError
    return data


# Each takes the body and how many bytes it may have; of one that has more, it gives more.
DECOMPRESSORS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": from_gzip,
    "deflate": from_deflate,
    "zstd": from_zstd,
}


def check_size(body: bytes, *, limit: int = MAX_BODY_BYTES) -> bytes:
    if len(body) > limit:
        # A body is read, and decompressed, only as far as shows that it is too large.
        raise too_large(limit, size=len(body) if len(body) <= MAX_BODY_BYTES else None)
    return body


def split_events(body: bytes) -> list[msgspec.Raw]:
    """The raw events of a JSON text: {"events": […]}, […] or one event object. Raises ApiError (400, 413)."""
    text = json_text(body)
    try:
        return check_count(batch_decoder.decode(text).events)
    except msgspec.DecodeError:
        return bare_list(text) if text.lstrip().startswith(b"[") else [single_event(text)]


def json_text(body: bytes) -> bytes:
    """The body as JSON that msgspec can read. Raises ApiError (400) for any other body."""
    try:
        return check_json_text(body)
    except UnreadableJson as error:
        message = misreadings.of_text(body) or error.reason
        raise unreadable(code="bad_json", message=message) from None


def check_count(events: list[msgspec.Raw]) -> list[msgspec.Raw]:
    if len(events) > MAX_BATCH_EVENTS:
        raise ApiError(
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            code="too_many_events",
            message=(
                f"The batch has {len(events):,} events, and may have at most {MAX_BATCH_EVENTS:,}. "
                "Split it into several posts."
            ),
        )
    return events


def bare_list(text: bytes) -> list[msgspec.Raw]:
    """The events of a list. Raises ApiError (400) for CloudEvents, which have a content type of their own."""
    events = check_count(list_decoder.decode(text))
    if events and "specversion" in keys_of(events[0]):
        raise unreadable(code="wrong_shape", message=misreadings.CLOUDEVENTS)
    return events


def single_event(text: bytes) -> msgspec.Raw:
    if not text.lstrip().startswith(b"{"):
        raise unreadable(code="wrong_shape", message=misreadings.of_shape(text))
    keys = keys_of(text)
    if "event" not in keys or "events" in keys:
        raise unreadable(code="wrong_shape", message=misreadings.of_keys(keys))
    return msgspec.Raw(text)


def keys_of(text: bytes | msgspec.Raw) -> frozenset[str]:
    """The keys of a JSON object; none for anything else."""
    try:
        return frozenset(object_decoder.decode(text))
    except msgspec.DecodeError:
        return frozenset()


def unreadable(*, code: str, message: str) -> ApiError:
    return ApiError(status=HTTPStatus.BAD_REQUEST, code=code, message=message)


def unsupported(message: str) -> ApiError:
    return ApiError(status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code="unsupported_media_type", message=message)


def too_large(limit: int = MAX_BODY_BYTES, *, size: int | None = None) -> ApiError:
    """The fault of a body above the limit; `size` in bytes, where it is known."""
    has = f"The body has {size:,} bytes" if size is not None else "The body is too large"
    message = f"{has}: at most {limit:,} bytes are accepted (after decompression). Split the batch into several posts."
    return ApiError(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="body_too_large", message=message)
