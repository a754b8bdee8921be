"""The project's documentation as the tests of it read it."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "clients").glob("*/README.md"),
    ]
)
PAGE_NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FENCE = re.compile(r"^ *```[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose_of(page: str) -> str:
    """The page without its blocks of code."""
    return FENCE.sub("", text_of(page))


def spans(page: str) -> list[str]:
    """What stands between backticks in a line of prose."""
    return re.findall(r"`([^`\n]+)`", prose_of(page))


def code(page: str) -> Iterator[str]:
    """Every piece of code on the page: spans and blocks."""
    yield from spans(page)
    yield from FENCE.findall(text_of(page))
