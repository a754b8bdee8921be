import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from io import BytesIO

import pytest
import zstandard
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from telemetry.door import body, misreadings
from telemetry.door.body import MAX_BODY_BYTES, check_size, read_events, split_events
from telemetry.plan.schema import MAX_BATCH_EVENTS
from web.errors import ApiError

GOOD = b'{"events":[{"event":"a"},{"event":"b"}]}'


def events(
    sent: bytes, *, content_type: str = "application/json", encoding: str | None = None
) -> list[bytes]:
    headers = {} if encoding is None else {"Content-Encoding": encoding}
    request = RequestFactory().generic("POST", "/", data=sent, content_type=content_type, headers=headers)
    return [bytes(raw) for raw in read_events(request)]


def fault(
    sent: bytes, *, content_type: str = "application/json", encoding: str | None = None
) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        events(sent, content_type=content_type, encoding=encoding)
    return caught.value.status_code, caught.value.code


def deflate_raw(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


# Shape ----------------------------------------------------------------------------------------------------


def test_splits_a_batch_in_its_order() -> None:
    assert events(GOOD) == [b'{"event":"a"}', b'{"event":"b"}']


def test_one_event_is_a_batch_of_one() -> None:
    assert events(b' {"event": "a"} ') == [b' {"event": "a"} ']


@pytest.mark.parametrize("sent", [b'{"events":[]}', b"[]", b" [ ] "])
def test_an_empty_batch_has_no_events(sent: bytes) -> None:
    assert events(sent) == []


def test_a_list_is_a_batch() -> None:
    assert events(b' [{"event":"a"},1]') == [b'{"event":"a"}', b"1"]


def test_what_is_not_an_event_is_left_to_the_event_check() -> None:
    assert events(b'{"events":[1,null,"a",[]]}') == [b"1", b"null", b'"a"', b"[]"]


@pytest.mark.parametrize(
    "sent",
    [
        b'[{"specversion":"1.0"}]',
        b"1",
        b'"a"',
        b"null",
        b"{}",
        b'{"sessionId":"s"}',
        b'{"events":{}}',
        b'{"events":null}',
        b'{"events":[],"event":"a"}',
        b'{"events":[],"environment":"production"}',
        b'{"batch":[]}',
    ],
)
def test_another_shape_is_400(sent: bytes) -> None:
    assert fault(sent) == (400, "wrong_shape")


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", misreadings.EMPTY),
        (b" \n", misreadings.EMPTY),
        (b"\xef\xbb\xbf" + GOOD, misreadings.MARKED),
        (GOOD.decode().encode("utf-16-le"), misreadings.UTF_16),
        (gzip.compress(GOOD, mtime=0), misreadings.COMPRESSED),
        (b'{"event":"a"}\n{"event":"b"}\n', misreadings.LINES),
        (b'{"event":"a"}\r\n\r\n{"event":"b"', misreadings.LINES),
        (b"event=a&sessionId=b", misreadings.FORM),
        (json.dumps(GOOD.decode()).encode(), misreadings.ENCODED_TWICE),
        (b'"a"', misreadings.OWN_SHAPE),
        (b'{"specversion":"1.0","type":"a"}', misreadings.CLOUDEVENT),
        (b'[{"specversion":"1.0","type":"a"}]', misreadings.CLOUDEVENTS),
        (b'{"batch":[],"writeKey":"a"}', misreadings.SEGMENT_BATCH),
        (b'{"userId":"a","messageId":"m","type":"identify"}', misreadings.SEGMENT_CALL),
        (b'{"api_key":"a","batch":[]}', misreadings.POSTHOG_BATCH),
        (b'{"api_key":"a","distinct_id":"b"}', misreadings.POSTHOG_EVENT),
        (b'{"event" "a"}', "The body is not JSON: something is wrong at line 1, column 10."),
    ],
)
def test_says_what_a_body_is_that_it_cannot_read(sent: bytes, message: str) -> None:
    with pytest.raises(ApiError) as raised:
        split_events(sent)

    assert raised.value.message == message


def test_says_how_large_a_body_and_a_batch_may_be() -> None:
    with pytest.raises(ApiError, match="2,501 events, and may have at most 2,500"):
        split_events(b'{"events":[' + b",".join([b"1"] * (MAX_BATCH_EVENTS + 1)) + b"]}")
    with pytest.raises(ApiError, match="The body has 11 bytes: at most 10 bytes are accepted"):
        check_size(b" " * 11, limit=10)
    with pytest.raises(ApiError, match="The body is too large: at most 1,048,576 bytes are accepted"):
        check_size(b" " * (MAX_BODY_BYTES + 1))


def test_takes_as_many_events_as_the_limit_and_not_one_more() -> None:
    assert (
        len(split_events(b'{"events":[' + b",".join([b"1"] * MAX_BATCH_EVENTS) + b"]}")) == MAX_BATCH_EVENTS
    )
    assert fault(b'{"events":[' + b",".join([b"1"] * (MAX_BATCH_EVENTS + 1)) + b"]}") == (
        413,
        "too_many_events",
    )


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"not json",
        GOOD[:-1],
        GOOD + b"x",
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16-le"),
        b'{"event":"\xff"}',
        b'{"events":[NaN]}',
        b'{"events":[],"events":[]}',
        b'{"event":"a","event" : "b"}',
        b'{"event":"a","properties":{"x":1,"\\u0078":1}}',
        b'{"event":' + b"[" * 1_500 + b"]" * 1_500 + b"}",
        b'{"event":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000,
    ],
)
def test_what_cannot_be_read_as_json_is_400(sent: bytes) -> None:
    assert fault(sent) == (400, "bad_json")


@pytest.mark.parametrize("value", [b"1e400", b"9" * 4_000, b"9" * 20_000, b'"\\u0000"', b'"\\ud800"'])
def test_what_one_event_cannot_hold_costs_its_neighbours_nothing(value: bytes) -> None:
    assert len(events(b'{"events":[{"event":"a"},{"event":' + value + b"}]}")) == 2


def verdict(sent: bytes, *, encoding: str) -> int:
    try:
        split_events(body.decompress(sent, encoding=encoding))
    except ApiError as error:
        return error.status_code
    return 200


@given(st.binary(max_size=200))
def test_no_bytes_at_all_break_it(sent: bytes) -> None:
    for encoding in ("", "gzip", "deflate", "zstd"):
        assert verdict(sent, encoding=encoding) in {200, 400, 413}


# Content type and encoding --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/plain",
        "",
        "Application/JSON",
        "text/plain;charset=UTF-8",
        'application/json; charset="utf8"',
    ],
)
def test_takes_json_and_plain_text_in_utf8(content_type: str) -> None:
    assert len(events(GOOD, content_type=content_type)) == 2


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=bz2_codec",
        "application/json; charset=utf-16",
        "text/plain; charset=latin-1",
        "application/x-ndjson",
        "json",
        "\xff",
        "a" * 10_000,
    ],
)
def test_another_content_type_or_charset_is_415(content_type: str) -> None:
    assert fault(GOOD, content_type=content_type) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("gzip", gzip.compress(GOOD, mtime=0)),
        ("GZIP", gzip.compress(GOOD, mtime=0)),
        (" gzip ", gzip.compress(GOOD, mtime=0)),
        ("deflate", zlib.compress(GOOD)),
        ("deflate", deflate_raw(GOOD)),
        ("zstd", zstandard.compress(GOOD)),
        ("zstd", zstandard.ZstdCompressor(write_content_size=False).compress(GOOD)),
        ("identity", GOOD),
        ("", GOOD),
    ],
)
def test_takes_a_compressed_body(encoding: str, sent: bytes) -> None:
    assert len(events(sent, encoding=encoding)) == 2


@pytest.mark.parametrize(
    "encoding", ["br", "gzip, gzip", "gzip,deflate", "identity, gzip", "compress", "x" * 1000, "\xff"]
)
def test_another_or_a_second_encoding_is_415(encoding: str) -> None:
    assert fault(gzip.compress(gzip.compress(GOOD, mtime=0)), encoding=encoding) == (
        415,
        "unsupported_media_type",
    )


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("gzip", GOOD),
        ("gzip", b""),
        ("gzip", gzip.compress(GOOD, mtime=0)[:-3]),
        ("gzip", gzip.compress(GOOD, mtime=0) + b"x"),
        ("gzip", gzip.compress(GOOD, mtime=0) * 2),
        ("deflate", GOOD),
        ("deflate", zlib.compress(GOOD)[:-2]),
        ("deflate", gzip.compress(GOOD, mtime=0)),
        ("zstd", GOOD),
    ],
)
def test_what_is_not_in_its_encoding_is_400(encoding: str, sent: bytes) -> None:
    assert fault(sent, encoding=encoding) == (400, "bad_encoding")


def test_a_cut_off_zstd_body_is_400() -> None:
    assert fault(zstandard.compress(GOOD)[:-3], encoding="zstd")[0] == 400
    assert fault(b"", encoding="zstd")[0] == 400


@pytest.mark.parametrize("garbage", [b"\0", b"garbage", zstandard.compress(GOOD)])
def test_a_zstd_body_with_something_behind_it_is_400(garbage: bytes) -> None:
    assert fault(zstandard.compress(GOOD) + garbage, encoding="zstd") == (400, "bad_encoding")


# Size -----------------------------------------------------------------------------------------------------


def padded(size: int) -> bytes:
    return GOOD + b" " * (size - len(GOOD))


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("", bytes), ("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)],
)
def test_takes_a_mebibyte_and_not_one_byte_more(encoding: str, compress: object) -> None:
    assert len(events(compress(padded(MAX_BODY_BYTES)), encoding=encoding)) == 2  # type: ignore[operator]

    too_long = compress(padded(MAX_BODY_BYTES + 1))  # type: ignore[operator]

    assert fault(too_long, encoding=encoding) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)],
    ids=["gzip", "deflate", "zstd"],
)
def test_a_bomb_is_refused_in_little_memory(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    bomb = compress(bytes(200 * MAX_BODY_BYTES))
    tracemalloc.start()
    try:
        assert fault(bomb, encoding=encoding) == (413, "body_too_large")
        assert tracemalloc.get_traced_memory()[1] < 20 * MAX_BODY_BYTES
    finally:
        tracemalloc.stop()


def test_a_zstd_frame_may_not_ask_for_a_huge_window() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters)

    stream = compressor.compressobj()

    assert fault(stream.compress(GOOD) + stream.flush(), encoding="zstd") == (400, "bad_encoding")


class NotRead:
    def read(self, size: int) -> bytes:
        raise AssertionError("the body was read")


def test_a_length_above_the_limit_is_refused_before_the_body_is_read() -> None:
    request = RequestFactory().post("/", data=b"", content_type="application/json")

    request.META.update({"CONTENT_LENGTH": str(MAX_BODY_BYTES + 1), "wsgi.input": NotRead()})

    with pytest.raises(ApiError) as caught:
        body.read_bytes(request)
    assert caught.value.status_code == 413


class Chunks:
    """A body without a length, as a server hands it over that ends the stream itself."""

    def __init__(self, data: bytes) -> None:
        self.data = BytesIO(data)

    def read(self, size: int) -> bytes:
        return self.data.read(min(size, 7))


def test_reads_a_chunked_body_to_its_end() -> None:
    request = RequestFactory().post("/", data=b"", content_type="application/json")

    request.META.update({"CONTENT_LENGTH": "", "wsgi.input": Chunks(GOOD), "wsgi.input_terminated": True})

    assert body.read_bytes(request) == GOOD

    request.META["wsgi.input"] = Chunks(padded(MAX_BODY_BYTES + 1))

    with pytest.raises(ApiError) as caught:
        body.read_bytes(request)
    assert caught.value.status_code == 413


class Broken:
    def read(self, size: int) -> bytes:
        raise OSError("the peer went away")


def test_a_body_that_breaks_off_is_400() -> None:
    request = RequestFactory().post("/", data=b"", content_type="application/json")

    request.META.update({"CONTENT_LENGTH": "", "wsgi.input": Broken(), "wsgi.input_terminated": True})

    with pytest.raises(ApiError) as caught:
        body.read_bytes(request)
    assert (caught.value.status_code, caught.value.code) == (400, "incomplete_body")
