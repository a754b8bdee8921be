"""Recognises texts that must never be kept, and turns the ids of persons into keyed hashes.

The detectors rather refuse a harmless text than keep a secret. But they accept UUIDs, hexadecimal ids and epoch
times, because ids are made of those.
"""

import hmac
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, islice

from django.conf import settings

MAX_PROSE_FREE_LENGTH = 64
# An address of the shortest kind, a@b.de. All other kinds are longer.
MIN_LENGTH = 6
# No text that the portal keeps is longer than 200 characters: a longer one is refused, whatever it holds.
MAX_EXAMINED_LENGTH = 512
MAX_EXAMINED_TEXTS = 256

PSEUDONYM = re.compile(r"u_[0-9a-f]{32}")
PSEUDONYM_SALT = b"telemetry.intake.privacy.pseudonym"

WHITESPACE = re.compile(r"\s")
# Every branch begins at a fixed character, never with a repeat, so that a hostile text costs linear time.
SECRET = re.compile(
    r"""
    [^\s@%](?:@|%40)(?:[\w-]+\.)+[^\W\d_]{2,}                      # e-mail address
    | (?<![A-Za-z0-9])(?:
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
# Where a digit group begins that could be the first of a card number.
CARD_START = re.compile(
    r"(?<![0-9A-Za-z])(?=4|5[ -]?[0-8]|2[ -]?[2-7]|3[ -]?[04-9]|6[ -]?[0-57])[2-6](?=(?:[ -]?[0-9]){12})"
)
DIGIT_GROUPS = re.compile(r"[0-9]+(?:[ -][0-9]+)*")
MIN_CARD_DIGITS = 13
MAX_CARD_DIGITS = 19
# With a blank or a dash before each digit but the first, and one character more.
MAX_CARD_LENGTH = 2 * MAX_CARD_DIGITS
# One in ten rows of digits passes the check of a card number by chance, so of so many one nearly always does.
MAX_CARD_CANDIDATES = 12
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
MARK = re.compile(
    rb"@|%40|J(?<=eyJ)|k(?<=[sr]k)[-_]|_(?:(?<=gh[oprsu]_)|(?<=pat_)|(?<=npm_))|p(?<=glp)at-|xox|A[KS]IA|AIza"
    rb"| |\\|\x7f"
)
CARD_RUN = re.compile(rb"(?<![0-9A-Za-z])[2-6](?:[ -]?[0-9]){12}")
_DIGITS_AS_ZERO = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))
_CARD_RUN = b"0" * MIN_CARD_DIGITS
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

    Prose is a text of more than 64 characters with white space in it. A text with 12 rows of digits that could be
    card numbers counts as one. Only the first 512 characters are looked at.
    """
    if len(value) < MIN_LENGTH:
        return False
    value = value[:MAX_EXAMINED_LENGTH]
    if len(value) > MAX_PROSE_FREE_LENGTH and WHITESPACE.search(value):
        return True
    text = value.encode("utf-8", "surrogatepass")
    return _holds_secret(value, text) or (_holds_card_run(text) and _holds_card_number(value))


def holds_pii(value: object) -> bool:
    """Whether any text in a JSON value looks like PII, nested values and the keys of objects included.

    At most 256 texts are looked at: nothing of a value that has more is ever kept.
    """
    return any(map(looks_like_pii, islice(_texts_in(value), MAX_EXAMINED_TEXTS)))


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
        not compact_json.isascii() or MARK.search(compact_json) is not None or _holds_card_run(compact_json)
    )


def _holds_secret(value: str, text: bytes) -> bool:
    is_marked = MARK.search(text) is not None or not text.isascii()
    return is_marked and SECRET.search(value) is not None


def _holds_card_run(text: bytes) -> bool:
    """Whether there is a run of 13 digits that could begin a card number. Epoch times begin with a 1."""
    return _CARD_RUN in text.translate(_DIGITS_AS_ZERO, b" -") and CARD_RUN.search(text) is not None


def _holds_card_number(value: str) -> bool:
    for number, digits in enumerate(card_candidates(value), start=1):
        if _is_card_number(digits) or number == MAX_CARD_CANDIDATES:
            return True
    return False


def card_candidates(value: str) -> Iterator[str]:
    """The digits of every row of neighbouring digit groups that is as long as a card number and begins like one."""
    text = UUID.sub(".", value)
    for start in CARD_START.finditer(text):
        for digits in accumulate(_groups_from(text, start.start())):
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
