"""Writes the catalogues anew, which `make messages` does.

A text that is new stands there without a translation, and one that is gone is gone.
"""

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings

from tests.languages.extraction import NO_TIME, template_of_texts

WIDTH = 110


def languages() -> list[str]:
    """Those that are translated to."""
    return [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]


def po_file(language: str) -> Path:
    return Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / "django.po"


def mo_file(language: str) -> Path:
    return po_file(language).with_suffix(".mo")


def read_catalogue(language: str) -> Catalog:
    path = po_file(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(catalogue: Catalog, *, template: Catalog) -> Catalog:
    """The catalogue with all texts of the template and no other. Nothing is guessed."""
    fresh = Catalog(
        locale=catalogue.locale,
        project=template.project,
        charset="utf-8",
        fuzzy=False,
        creation_date=template.creation_date,
        revision_date=template.creation_date,
    )
    for message in template:
        if message.id:
            known = catalogue.get(message.id, context=message.context)
            fresh.add(
                message.id,
                string=known.string if known else None,
                locations=message.locations,
                context=message.context,
            )
    return fresh


def po_text(catalogue: Catalog) -> bytes:
    file = BytesIO()
    write_po(file, catalogue, width=WIDTH, include_lineno=False, omit_header=False)
    lines = file.getvalue().decode().splitlines()
    # Whom, when and with what it was written is in the history.
    left_out = (
        '"POT-Creation-Date',
        '"PO-Revision-Date',
        '"Last-Translator',
        '"Generated-By',
        '"Report-Msgid',
        "#",
    )
    head_end = lines.index("") if "" in lines else 0
    head = [line for line in lines[:head_end] if not line.startswith(left_out)]
    return ("\n".join([*head, *lines[head_end:]]).rstrip("\n") + "\n").encode()


def mo_bytes(catalogue: Catalog) -> bytes:
    catalogue.creation_date = catalogue.revision_date = NO_TIME
    file = BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def write_all() -> None:
    template = template_of_texts()
    for language in languages():
        catalogue = updated(read_catalogue(language), template=template)
        po_file(language).write_bytes(po_text(catalogue))
        mo_file(language).write_bytes(mo_bytes(read_catalogue(language)))
