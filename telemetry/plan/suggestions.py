"""Finds the name that a client probably meant: one written in another way, or with a wrong letter in a word.

Every lookup takes time in proportion to the name's length, at most 64 characters, and does not depend on how many
names there are: the names less one letter are in a table.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

MAX_LENGTH = 64
# Of a shorter word, one letter is too much to be a slip.
MIN_LETTERS = 4
# Last words of properties that people leave out: `duration` for `durationMs`, `draft` for `draftId`.
UNITS = frozenset({"id", "ids", "ms", "usd"})

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@dataclass(frozen=True)
class NameIndex:
    """Names by the ways to write them. `forms`: (words, name), the words of a name or of a short form of it."""

    forms: tuple[tuple[tuple[str, ...], str], ...]

    def find(self, text: str) -> str | None:
        """The name that the text most likely stands for; None where there is none, or more than one."""
        if len(text) > MAX_LENGTH:
            return None
        words = words_of(text)
        letters = "".join(words)
        corrected = tuple(map(self._corrected, words))
        return (
            self._by_words.get(_key(words))
            or self._by_letters.get(letters)
            or self._by_words.get(_key(corrected))
            or self._by_letters.get("".join(corrected))
            or self._less_a_letter(letters)
        )

    @cached_property
    def _by_words(self) -> Mapping[str, str]:
        return _unambiguous((_key(words), name) for words, name in self.forms)

    @cached_property
    def _by_letters(self) -> Mapping[str, str]:
        return _unambiguous(("".join(words), name) for words, name in self.forms)

    @cached_property
    def _words(self) -> Mapping[str, str]:
        words = {word for words, _ in self.forms for word in words}
        slips = _unambiguous((slip, word) for word in words for slip in _slips(word))
        return {**slips, **{word: word for word in words}}

    @cached_property
    def _by_slips(self) -> Mapping[str, str]:
        return _unambiguous((slip, name) for words, name in self.forms for slip in _slips("".join(words)))

    def _corrected(self, word: str) -> str:
        found = (self._words.get(slip) for slip in _slips(word))
        return self._words.get(word) or next(filter(None, found), word)

    def _less_a_letter(self, letters: str) -> str | None:
        return next(filter(None, map(self._by_slips.get, _slips(letters))), None)


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in lower case: of `draftId`, `draft_id`, `Draft Id` and `DRAFT-ID` they are the same."""
    return tuple(word.lower() for word in _WORD.findall(name))


def index_of_events(names: Iterable[str]) -> NameIndex:
    """An index of the names of events, with and without their first parts."""
    forms = [(words_of(name), name) for name in names]
    return NameIndex((*forms, *((words[1:], name) for words, name in forms)))


def index_of_properties(names: Iterable[str]) -> NameIndex:
    """An index of the names of properties, with and without their units."""
    forms = [(words_of(name), name) for name in names]
    short = [(words[:-1], name) for words, name in forms if len(words) > 1 and words[-1] in UNITS]
    return NameIndex((*forms, *short))


def index_of_values(values: Iterable[str]) -> NameIndex:
    """An index of the values of an enumeration."""
    return NameIndex(tuple((words_of(value), value) for value in values))


def _key(words: Iterable[str]) -> str:
    return " ".join(sorted(words))


def _slips(word: str) -> Iterator[str]:
    """The word, and the word less each of its letters. Two words that differ by a slip have one of these in common."""
    if len(word) < MIN_LETTERS:
        return
    yield word
    for place in range(len(word)):
        yield word[:place] + word[place + 1 :]


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The names by key, without keys of several names."""
    found: dict[str, set[str]] = {}
    for key, name in pairs:
        if key:
            found.setdefault(key, set()).add(name)
    return {key: names.pop() for key, names in found.items() if len(names) == 1}
