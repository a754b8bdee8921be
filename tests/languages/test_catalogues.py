"""The catalogues are complete and say what the code says. `make messages` writes them anew."""

import re
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Catalog, Message

from tests.languages.catalogues import languages, mo_bytes, mo_file, po_file, po_text, read_catalogue, updated
from tests.languages.extraction import template_of_texts

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
EVERY_LANGUAGE = pytest.mark.parametrize("language", languages())


@pytest.fixture(scope="module")
def template() -> Catalog:
    return template_of_texts()


def texts_of(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


def forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


@EVERY_LANGUAGE
def test_has_the_texts_of_the_code_and_no_other(language: str, template: Catalog) -> None:
    fresh = po_text(updated(read_catalogue(language), template=template))

    assert po_file(language).read_bytes() == fresh, "make messages writes it anew"


@EVERY_LANGUAGE
def test_translates_every_text_and_guesses_none(language: str) -> None:
    missing = [
        message.id
        for message in texts_of(read_catalogue(language))
        if message.fuzzy or not all(forms(message.string or ""))
    ]

    assert missing == []


@EVERY_LANGUAGE
def test_each_translation_has_the_placeholders_of_its_text(language: str) -> None:
    # A singular may do without the number.
    wrong = [
        message.id
        for message in texts_of(read_catalogue(language))
        for original, translated in zip(forms(message.id), forms(message.string), strict=True)
        if set(PLACEHOLDER.findall(original)) != set(PLACEHOLDER.findall(translated))
    ]

    assert wrong == []


@EVERY_LANGUAGE
def test_each_translation_with_places_can_be_filled(language: str) -> None:
    for message in texts_of(read_catalogue(language)):
        for translated in forms(message.string):
            names = re.findall(r"%\((\w+)\)s", translated)
            assert not names or translated % dict.fromkeys(names, "1")


@EVERY_LANGUAGE
def test_each_translation_has_the_tags_of_its_text(language: str) -> None:
    wrong = [
        message.id
        for message in texts_of(read_catalogue(language))
        for original, translated in zip(forms(message.id), forms(message.string), strict=True)
        if sorted(re.findall(r"</?[a-z][^>]*>", original))
        != sorted(re.findall(r"</?[a-z][^>]*>", translated))
    ]

    assert wrong == []


@EVERY_LANGUAGE
def test_the_compiled_catalogue_is_that_of_the_file(language: str) -> None:
    assert mo_file(language).read_bytes() == mo_bytes(read_catalogue(language)), "make messages compiles it"
