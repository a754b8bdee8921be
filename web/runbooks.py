"""The runbooks of docs/runbooks: a section for each heading, as HTML."""

import re
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt

FOLDER = settings.BASE_DIR / "docs" / "runbooks"
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
# In a repository a runbook links to another one's file; as pages they lie side by side.
LINK_TO_FILE = re.compile(r'href="([\w-]+)\.md(#[\w-]+)?"')


@dataclass(frozen=True, slots=True)
class RunbookSection:
    """`anchor` is the heading's anchor, as hosting platforms for repositories make it."""

    anchor: str
    title: str
    body: SafeString


@cache
def runbook_names() -> frozenset[str]:
    return frozenset(path.stem for path in FOLDER.glob("*.md"))


@cache
def read_runbook(name: str) -> tuple[RunbookSection, ...]:
    """The sections in the order of the file, read once a process. Raises OSError without the file."""
    _, *parts = HEADING.split((FOLDER / f"{name}.md").read_text(encoding="utf-8"))
    return tuple(
        RunbookSection(slugify(title), title, to_html(text))
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    )


def to_html(text: str) -> SafeString:
    """HTML of a text of ours; the renderer escapes whatever HTML stands in it."""
    html: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return mark_safe(LINK_TO_FILE.sub(r'href="../\1/\2"', html))  # noqa: S308  (our own files)
