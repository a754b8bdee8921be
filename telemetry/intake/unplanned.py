"""Which values may be kept of what the plan does not have yet, so that an event can be replayed when it does.

A value stays if its form alone shows that no person wrote it: no text here can be a name, prose or an address.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from telemetry.intake.privacy import UUID, looks_like_pii
from telemetry.plan.definitions import MAX_ID_LENGTH, MAX_LIST_ITEMS
from telemetry.plan.reading import PROPERTY_NAME
from telemetry.plan.suggestions import words_of

# A number of 13 digits may be a card number.
MAX_NUMBER = 10**12
MAX_NAME_LENGTH = 64
MAX_ENUM_VALUE_LENGTH = 40

# Ids of persons and of credentials. The plan's own names of persons are known by their definition.
_is_private_word = re.compile(
    r"(?:account|actor|admin|approver|assignee|auth|author|card|contact|cookie|creator|credential|customer|"
    r"editor|email|employee|key|login|mail|member|owner|participant|password|person|phone|recipient|"
    r"requester|reviewer|secret|sender|staff|token|user)(?:ids?)?"
).fullmatch
_is_enum_value = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*").fullmatch
_is_hex_id = re.compile(r"[0-9a-fA-F]{16,}").fullmatch
# "d-1029", "run_20ab41"
_numbered = re.compile(r"([A-Za-z]+)[-_](?=[a-fA-F]*[0-9][a-fA-F]*[0-9])[0-9a-fA-F]+").fullmatch

# A name is asked about twice in a row, and again for each item of a list and each event of a post.
_words = lru_cache(maxsize=64)(words_of)


def is_small_number(value: object) -> bool:
    """Whether a number is too small to be a card number. True and false are numbers too."""
    return isinstance(value, int | float) and abs(value) < MAX_NUMBER


def is_like_enum_value(value: object) -> bool:
    """Whether a text could be a value of an enumeration: at most 40 small letters, digits, dashes, underscores."""
    return (
        isinstance(value, str)
        and len(value) <= MAX_ENUM_VALUE_LENGTH
        and _is_enum_value(value) is not None
        and not looks_like_pii(value)
    )


def may_be_kept(value: object, *, name: str) -> bool:
    """Whether the value of a property that no event of the plan has may be kept.

    Null, true and false may, and so may numbers below 10^12. A text may only as `xId`, a list as `xIds`, and only
    if it has the form of a machine's id. The id of a person or a credential may not.
    """
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, str):
        has_the_form = name.endswith("Id") and is_machine_id(value, name=name)
    elif isinstance(value, list):
        has_the_form = (
            name.endswith("Ids")
            and len(value) <= MAX_LIST_ITEMS
            and all(is_machine_id(item, name=name) for item in value)
        )
    else:
        has_the_form = is_small_number(value)
    return has_the_form and not is_private_id(name)


def is_private_id(name: str) -> bool:
    """Whether a property is an id by its name, and that of a person or a credential: `ownerId`, `user_id`."""
    if not name[-3:].lower().endswith(("id", "ids")):
        return False
    return len(name) > MAX_NAME_LENGTH or any(map(_is_private_word, _words(name)))


def is_machine_id(value: object, *, name: str) -> bool:
    """Whether a value is an id that no person made up: it must have the form, and a plan could have the property."""
    return (
        isinstance(value, str)
        and len(value) <= MAX_ID_LENGTH
        and len(name) <= MAX_NAME_LENGTH
        and PROPERTY_NAME.fullmatch(name) is not None
        and bool(UUID.fullmatch(value) or _is_hex_id(value) or _is_numbered(value, words=_words(name)))
        and not looks_like_pii(value)
    )


def _is_numbered(value: str, *, words: Iterable[str]) -> bool:
    """Whether an id is the beginning of a word of the property's name and a number: a name like anna-1985 is not."""
    match = _numbered(value)
    return match is not None and any(word.startswith(match[1].lower()) for word in words)
