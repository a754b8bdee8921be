"""Recognises texts that must never be kept, and turns the ids of persons into keyed hashes.

The detectors rather refuse a harmless text than keep a secret. But they accept UUIDs, hexadecimal ids and epoch
times, because ids are made of those.
"""

import hmac
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, islice

import msgspec
from django.conf import settings

MAX_PROSE_FREE_LENGTH = 64
# An address of the shortest kind, a@b.de. All other kinds are longer.
MIN_LENGTH = 6
# No text that the portal keeps is longer than 200 characters: a longer one is refused, whatever it holds.
MAX_EXAMINED_LENGTH = 512
# Of a list or an object. Redaction keeps no list of more (MAX_LIST_BYTES).
MAX_EXAMINED_TEXTS = 128
MAX_TEXTS_APART = 4

PSEUDONYM = re.compile(r"u_[0-9a-f]{32}")
PSEUDONYM_SALT = b"telemetry.intake.privacy.pseudonym"

WHITESPACE = re.compile(r"\s")
# Every branch of these two begins at a fixed character, never with a repeat, so that a hostile text costs linear
# time.
# An e-mail address from its @ on: with a literal at the beginning `re` skips ahead, which halves the time.
EMAIL = re.compile(r"(?:@(?<=[^\s@%]@)|%40(?<=[^\s@%]%40))(?:[\w-]+\.)+[^\W\d_]{2,}")
CREDENTIAL = re.compile(
    r"""
    (?<![A-Za-z0-9])(?:
        (?i:bearer)\s+(?:[\w.~+/=-]{8,}|(?=[A-Za-z_.~+/=-]*[0-9])[\w.~+/=-]{3,})
        | eyJ[\w-]{8,}                                             # a JSON Web Token
        | sk-[\w-]{12,}                                            # OpenAI, Anthropic
        | [sr]k_(?:live|test)_\w{8,}                               # Stripe
        | gh[oprsu]_\w{16,} | github_pat_\w{16,}                   # GitHub
        | glpat-[\w-]{16,}                                         # GitLab
        | xox[a-z]-[\w-]{6,}                                       # Slack
        | A(?:KI|SI)A[A-Z0-9]{12,}                                 # AWS
        | AIza[\w-]{20,}                                           # Google
        | npm_\w{20,}
    )
    | -----BEGIN[ ](?:[A-Z0-9]+[ ])*PRIVATE[ ]KEY
    """,
    re.VERBOSE,
)
UUID = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9a-fA-F])")
# Most texts have none, and this begins with a literal.
UUID_MIDDLE = re.compile(r"-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-")
# One span id in 57,000 is made of digits that pass for a card number. They are random, and 8 bytes in hexadecimal
# (https://www.w3.org/TR/trace-context/#parent-id).
SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")
SPAN_ID_PROPERTIES = frozenset({"spanId", "parentSpanId"})
# A trace's id and a span's, as ids of what spans report are made of them.
SPAN_KEY = re.compile(r"(?<![0-9a-zA-Z])[0-9a-fA-F]{32}-[0-9a-fA-F]{16}(?![0-9a-zA-Z])")
# Where a digit group begins that could be the first of a card number.
CARD_START = re.compile(
    r"(?<![0-9A-Za-z])(?=4|5[ -]?[0-8]|2[ -]?[2-7]|3[ -]?[04-9]|6[ -]?[0-57])[2-6](?=(?:[ -]?[0-9]){12})"
)
DIGIT_GROUPS = re.compile(r"[0-9]+(?:[ -][0-9]+)*")
MIN_CARD_DIGITS = 13
MAX_CARD_DIGITS = 19
# With a blank or a dash before each digit but the first, and one character more.
MAX_CARD_LENGTH = 2 * MAX_CARD_DIGITS
# One in ten rows of digits passes the check of a card number by chance. A text with many is refused unchecked: to
# find a place where one could begin costs 1 µs, to check it 3 µs, and small groups make many rows that begin there.
MAX_CARD_STARTS = 2
SMALL_GROUPS = re.compile(r"[0-9]{1,3}(?:[ -][0-9]{1,3}){5}")
# Issuer prefixes with the lengths of their numbers (ISO/IEC 7812; the issuers' published ranges).
CARD_NUMBER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12}(?:\d{3})?"  # Discover
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
    r"|62\d{14,17}"  # UnionPay
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{9,15}",  # Maestro
    re.ASCII,
)

# One scan for all of the above: every detector needs one of these marks or a run of 13 digits. Each branch is
# anchored at a character that ids and the plan's own words seldom have, because that is where the scan stops,
# and begins with a literal, because only then `re` skips ahead: 0.4 µs an event, 3 µs without these two.
_CREDENTIAL_MARKS = (
    rb"J(?<=eyJ)|k(?<=[sr]k)[-_]|_(?:(?<=gh[oprsu]_)|(?<=pat_)|(?<=npm_))|p(?<=glp)at-"
    rb"|xox|A[KS]IA|AIza| |\\|\x7f"
)
CREDENTIAL_MARK = re.compile(_CREDENTIAL_MARKS)
MARK = re.compile(rb"@|%40|" + _CREDENTIAL_MARKS)
CARD_RUN = re.compile(rb"(?<![0-9A-Za-z])[2-6](?:[ -]?[0-9]){12}")
_DIGITS_AS_ZERO = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))
_CARD_RUN = b"0" * MIN_CARD_DIGITS
# No pattern reaches from one text to the next over it.
_BETWEEN = "\0%%"
_encode = msgspec.json.Encoder().encode
# The digits of twice a digit, added up.
_DOUBLED = str.maketrans("0123456789", "0246813579")


def pseudonymise(value: str) -> str:
    """A person's id as `u_` and 32 hexadecimal digits: an HMAC-SHA256 keyed from SECRET_KEY.

    A value that already has this form is returned as it is, so it is safe to repeat. The same value gives the
    same pseudonym in every environment, for as long as SECRET_KEY stays.
    """
    if PSEUDONYM.fullmatch(value):
        return value
    text = value.encode("utf-8", "surrogatepass")
    return "u_" + hmac.digest(_pseudonym_key(settings.SECRET_KEY), text, "sha256").hex()[:32]


@lru_cache(maxsize=1)
def _pseudonym_key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), PSEUDONYM_SALT, "sha256")


# Each text of a rejected event is asked about two or three times in a row.
@lru_cache(maxsize=32)
def looks_like_pii(value: str) -> bool:
    """Whether a text looks like an e-mail address, a credential, a card number or prose.

    Prose is a text of more than 64 characters with white space in it. A text with 3 places where a
    card number could begin counts as one, and so do 6 groups of up to 3 digits. Only the first 512 characters are
    looked at.
    """
    if len(value) < MIN_LENGTH:
        return False
    value = value[:MAX_EXAMINED_LENGTH]
    return is_prose(value) or _trace_in(value) is not None


def is_span_id(value: object, *, name: str) -> bool:
    """Whether the value of this property is a span's id, which no detector is asked about."""
    return name in SPAN_ID_PROPERTIES and isinstance(value, str) and SPAN_ID.fullmatch(value) is not None


def is_prose(value: str) -> bool:
    """Whether a text is longer than a label and has white space in it."""
    return len(value) > MAX_PROSE_FREE_LENGTH and WHITESPACE.search(value) is not None


def _trace_in(value: str) -> str | None:
    """The credential or e-mail address in a text, or the first digits of what may be a card number; else None."""
    if secret := find_secret(value):
        return secret
    run = _card_run_in(value.encode("utf-8", "surrogatepass"))
    return run if run and _holds_card_number(value) else None


def find_secret(value: str) -> str | None:
    """The e-mail address in a text, from the character before its @ on, or else the credential; None without one."""
    if ("@" in value or "%40" in value) and (email := EMAIL.search(value)):
        return value[email.start() - 1 : email.end()]
    if value.isascii() and not CREDENTIAL_MARK.search(value.encode()):
        return None
    credential = CREDENTIAL.search(value)
    return credential[0] if credential else None


def find_pii(value: object) -> str | None:
    """What looks like PII in a JSON value, or None: a text, or the part of it that says which kind it is.

    Nested values and the keys of objects are texts of it too.

    More than four are looked at as one, so that each text costs little: 3 places where a card number could begin
    count as one, wherever they are. At most 128 texts are looked at: nothing of a value that has more is ever kept.
    """
    if isinstance(value, str):
        return value if looks_like_pii(value) else None
    if not _may_hold(value):
        return None
    examined = islice(_texts_in(value), MAX_EXAMINED_TEXTS)
    texts = [text[:MAX_EXAMINED_LENGTH] for text in examined if len(text) >= MIN_LENGTH]
    prose = next((text for text in texts if is_prose(text)), None)
    if prose is not None:
        return prose
    if len(texts) <= MAX_TEXTS_APART:
        # The verdict on each may be known already.
        return next(filter(looks_like_pii, texts), None)
    return _trace_in(_BETWEEN.join(texts))


def _may_hold(value: object) -> bool:
    """False only when no text in the value looks like PII: one scan for what may be hundreds of texts."""
    try:
        return may_hold_pii(_encode(value))
    except (UnicodeEncodeError, OverflowError, RecursionError):
        return True


def _texts_in(value: object) -> Iterator[str]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            pending += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            pending += item


def may_hold_pii(compact_json: bytes) -> bool:
    """False only when no text in this JSON (written without blanks between its tokens) looks like PII.

    It also says True for a text that is not plain: not ASCII, with blanks or with escapes in it. So False
    means that all texts are printable ASCII without spaces, too.
    """
    return (
        not compact_json.isascii()
        or MARK.search(compact_json) is not None
        or _card_run_in(compact_json) is not None
    )


def _card_run_in(text: bytes) -> str | None:
    """A run of 13 digits that could begin a card number, or None. Epoch times begin with a 1."""
    if _CARD_RUN not in text.translate(_DIGITS_AS_ZERO, b" -"):
        return None
    run = CARD_RUN.search(text)
    return run[0].decode() if run else None


def _holds_card_number(value: str) -> bool:
    text = UUID.sub(".", value) if UUID_MIDDLE.search(value) else value
    text = SPAN_KEY.sub(".", text)
    starts = [match.start() for match in islice(CARD_START.finditer(text), MAX_CARD_STARTS + 1)]
    return (
        len(starts) > MAX_CARD_STARTS
        or any(SMALL_GROUPS.match(text, start) for start in starts)
        or any(_is_card_number(digits) for start in starts for digits in card_candidates(text, start=start))
    )


def card_candidates(text: str, *, start: int) -> Iterator[str]:
    """The digits of every row of neighbouring digit groups from there that is as long as a card number."""
    for digits in accumulate(_groups_from(text, start)):
        if MIN_CARD_DIGITS <= len(digits) <= MAX_CARD_DIGITS:
            yield digits


def _groups_from(text: str, start: int) -> list[str]:
    """The whole digit groups of the row that begins there, as far as a card number can reach."""
    row = DIGIT_GROUPS.match(text, start, start + MAX_CARD_LENGTH)
    if row is None:
        return []
    groups = row[0].replace("-", " ").split(" ")
    behind = text[row.end() : row.end() + 1]
    return groups[:-1] if behind.isascii() and behind.isalnum() else groups


def _is_card_number(digits: str) -> bool:
    return CARD_NUMBER.fullmatch(digits) is not None and _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B."""
    odd = sum(map(int, digits[-1::-2]))
    even = sum(map(int, digits[-2::-2].translate(_DOUBLED)))
    return (odd + even) % 10 == 0
