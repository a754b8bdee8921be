"""Finds the faults for which a whole body is answered 400, also those that JSON readers let pass.

They are: not UTF-8, not JSON (NaN and Infinity included), a key twice in one object, and nesting deeper than 32.
Proper JSON that can't be stored (NUL, lone surrogates, 1e400, numbers of thousands of digits) is a fault of its
event only: that event is rejected, and the others are stored.
"""

import json
import re
from functools import partial
from typing import Any, NoReturn

import msgspec

# A batch is 5 deep: the object, its list, an event, its properties, a list of ids.
MAX_DEPTH = 32

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_ANY_BRACKET = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{}[]")
_NOT_BRACKETS_OR_QUOTES = bytes(byte for byte in _NOT_BRACKETS if byte not in b'"')
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:(\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|\\u[dD][89a-fA-F]..)", re.DOTALL
)

# Floats are not computed: one of 19 digits with an exponent takes 6 µs, which is 0.2 s a megabyte.
_decode = msgspec.json.Decoder(float_hook=len).decode
_encode = msgspec.json.Encoder().encode


class UnreadableJson(ValueError):
    """The body has a fault of its own. `reason` is a sentence for the client, without values of the body."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_json_text(body: bytes) -> bytes:
    """The body, ready for msgspec; raises UnreadableJson when it has a fault of its own.

    Only lone surrogates change: they are proper JSON, but msgspec does not read them. Each becomes a NUL, which
    makes an event invalid in the same way. Takes under 1 µs for a typical event.
    """
    if _is_plainly_good(body):
        return body
    _check_closely(body)
    return _LONE_SURROGATE.sub(_replace_lone_surrogate, body)


def _is_plainly_good(body: bytes) -> bool:
    """Whether a body is certainly without fault; False: check it closely.

    msgspec decodes and encodes it. Each text has two quotes, and of two equal keys msgspec keeps the last: fewer
    quotes come back if a key stands twice.
    """
    try:
        encoded_again = _encode(_decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        return False
    body = _without_quotes_in_texts(body)
    if body.count(b'"') != _without_quotes_in_texts(encoded_again).count(b'"'):
        return False
    # Texts without brackets vanish. If a quote is left, some text has brackets in it.
    return _is_shallow(body.translate(_ANY_BRACKET, _NOT_BRACKETS_OR_QUOTES).replace(b'""', b""))


def _without_quotes_in_texts(json_text: bytes) -> bytes:
    if b"\\" not in json_text:
        return json_text
    # Backslashes first, so that the one in \\" is not taken for the beginning of \".
    return json_text.replace(rb"\\", b"").replace(rb"\"", b"")


def _is_shallow(brackets: bytes) -> bool:
    """Whether nothing is left after the innermost pairs were removed MAX_DEPTH times."""
    for _ in range(MAX_DEPTH):
        fewer = brackets.replace(b"[]", b"")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    return not brackets


def _check_closely(body: bytes) -> None:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise UnreadableJson("The body is not UTF-8. Encode its texts as UTF-8.") from None
    # Checked before reading, because reading is recursive.
    if not _is_shallow(_STRING.sub(b"", body).translate(_ANY_BRACKET, _NOT_BRACKETS)):
        message = (
            "The body is not JSON (its brackets do not match: was it cut off?), or is nested deeper than"
        )
        raise UnreadableJson(f"{message} {MAX_DEPTH}.")
    try:
        _read_strictly(text)
    except UnreadableJson:
        raise
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UnreadableJson(f"The body is not JSON: something is wrong at {place}.") from None
    except (ValueError, RecursionError):
        raise UnreadableJson("The body is not JSON.") from None


def _refuse_constant(_name: str) -> NoReturn:
    raise UnreadableJson("NaN and Infinity are not JSON. Leave such a number out.")


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise UnreadableJson("A key stands twice in one object. Send it once.")


# Numbers stay texts, because Python refuses to read thousands of digits.
_read_strictly = partial(
    json.loads,
    parse_int=str,
    parse_float=str,
    parse_constant=_refuse_constant,
    object_pairs_hook=_refuse_repeated_keys,
)


def _replace_lone_surrogate(match: re.Match[bytes]) -> bytes:
    backslashes, pair = match[1], match[2]
    return backslashes + (pair or b"\\u0000")
