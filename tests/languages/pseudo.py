"""A language that marks each text that went through a catalogue: «Runs» is ⟦Runs⟧. What is not marked was forgotten."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

from django.utils.translation import trans_real

OPEN, CLOSE = "⟦", "⟧"
INNERMOST = re.compile(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}")
# Numbers with the signs and units that every language writes.
FIGURE = re.compile(
    r"[<>\u2248\u00b1\u00d7+\u2212\u2264\u2265]?\$?\d[\d.,:]*[%\u00d7]?|[$%\u2264\u2265\u00d7]|s|min|h|d"
)
# The key of an event that has no id of its own.
EVENT_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SEPARATORS = re.compile(r"\s[/\u00b7]\s|,\s|:\s|[;()|\u00b7\u2013\u2014\u2026\u2192\u2190\u2212]")
SHOWN_ATTRIBUTES = ("aria-label", "title", "placeholder", "alt", "data-label")
# Elements whose text is code or data.
NOT_READ = {"script", "style", "code", "pre"}


class PseudoTranslation(trans_real.DjangoTranslation):
    def gettext(self, message: str) -> str:
        return OPEN + message.split(trans_real.CONTEXT_SEPARATOR)[-1] + CLOSE

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


@contextmanager
def pseudo_language(language: str) -> Iterator[None]:
    """In place of the catalogue of that language."""
    real = trans_real.translation(language)
    trans_real._translations[language] = PseudoTranslation(language)
    try:
        yield
    finally:
        trans_real._translations[language] = real


class VisibleTexts(HTMLParser):
    """What a page shows: the texts between tags, and those of attributes that are read.

    Code is left out, and what says of itself that it is in another language.
    """

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._left_out: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        is_left_out = tag in NOT_READ or (tag != "html" and "lang" in dict(attrs))
        # One of the same name within it ends first.
        if is_left_out or tag in self._left_out:
            self._left_out.append(tag)
        self.texts += [value for name, value in attrs if name in SHOWN_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        if self._left_out and self._left_out[-1] == tag:
            self._left_out.pop()

    def handle_data(self, data: str) -> None:
        if not self._left_out:
            self.texts.append(data)


def forgotten(page: str, *, data: set[str]) -> set[str]:
    """The texts of a page in the pseudo-language that no catalogue was asked for, without those that are data."""
    reader = VisibleTexts()
    # Tags that stand within a sentence go with it.
    reader.feed(unmarked(page))
    pieces = {piece for text in reader.texts for piece in pieces_of(text, data=data)}
    return {piece for piece in pieces if re.search(r"[^\W\d_]{2}", piece)}


def unmarked(text: str) -> str:
    while (shorter := INNERMOST.sub("", text)) != text:
        text = shorter
    return text


def pieces_of(text: str, *, data: set[str]) -> list[str]:
    """What is left of a text without figures, addresses and data."""
    rest = " ".join(word for word in text.split() if not word.startswith("http://"))
    pieces = [] if rest in data else [piece.strip(" .:") for piece in SEPARATORS.split(rest)]
    return [piece for piece in pieces if piece not in data and not is_data(piece.split(), data=data)]


def is_data(words: Sequence[str], *, data: set[str]) -> bool:
    """Whether each of the words is a figure, or stored: the name of a property and its value."""
    return all(
        word.strip("()") in data or FIGURE.fullmatch(word) or EVENT_KEY.fullmatch(word) for word in words
    )
