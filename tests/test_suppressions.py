"""What a check is told to overlook, and what a broad handler swallows, has its reason beside it."""

import ast
import functools
import re
import tokenize
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path

import pytest

from tests.test_imports import ROOT, app_files

OTHERS = ("benchmarks", "faults")
SUPPRESSION = re.compile(r"# *(noqa(: *[A-Z]+[0-9]+(, *[A-Z]+[0-9]+)*)?|type: *ignore(\[[a-z, -]+\])?)")
BROAD = {"Exception", "BaseException"}


@functools.cache
def comments_of(source: str) -> Mapping[int, str]:
    """The comments by the number of their line. To find them takes longer than all else, and both checks read them."""
    tokens = tokenize.generate_tokens(StringIO(source).readline)
    return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def comment_lines(source: str) -> set[int]:
    """The numbers of the lines that hold nothing but a comment."""
    lines = source.splitlines()
    return {number for number in comments_of(source) if lines[number - 1].lstrip().startswith("#")}


def silent_suppressions(source: str) -> Iterator[int]:
    """Lines of suppressions with nothing after their codes and no comment above them."""
    reasons = comment_lines(source)
    for number, comment in comments_of(source).items():
        rest = SUPPRESSION.sub("", comment)
        if rest != comment and not re.search(r"\w", rest) and number - 1 not in reasons:
            yield number


def silent_handlers(source: str) -> Iterator[int]:
    """Lines of handlers that swallow whatever comes, with no comment at them or below them."""
    comments, reasons = comments_of(source), comment_lines(source)
    handlers = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ExceptHandler))
    for handler in filter(swallows_all, handlers):
        if handler.lineno not in comments and handler.lineno + 1 not in reasons:
            yield handler.lineno


def swallows_all(handler: ast.ExceptHandler) -> bool:
    if isinstance(handler.body[-1], ast.Raise):
        return False
    return handler.type is None or not BROAD.isdisjoint(re.findall(r"\w+", ast.unparse(handler.type)))


def files() -> list[Path]:
    return [*app_files(), *(path for folder in OTHERS for path in sorted((ROOT / folder).rglob("*.py")))]


def test_each_suppression_and_each_broad_handler_has_its_reason() -> None:
    sources = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files()}

    silent = {
        path: [*silent_suppressions(source), *silent_handlers(source)] for path, source in sources.items()
    }

    assert {path: numbers for path, numbers in silent.items() if numbers} == {}


@pytest.mark.parametrize(
    ("source", "silent"),
    [
        ("a = 1  # noqa: S105", [1]),
        ("a = 1  # noqa: S105, F401", [1]),
        ("a = 1  # noqa: S105  (no secret)", []),
        ("a = 1  # noqa", [1]),
        ("a = b  # type: ignore", [1]),
        ("a = b  # type: ignore[arg-type, misc]", [1]),
        ("a = b  # type: ignore[misc]  # It has no types.", []),
        ("a = b  # type: ignore[misc]  # noqa: S105", [1]),
        ("# No secret.\na = 1  # noqa: S105", []),
        ("# No secret.\n\na = 1  # noqa: S105", [3]),
        ("b = 1  # No secret.\na = 1  # noqa: S105", [2]),
        ("a = '# noqa: S105'", []),
        ("a = 1  # What noqa is for.", []),
    ],
)
def test_finds_suppressions_without_a_reason(source: str, silent: list[int]) -> None:
    assert list(silent_suppressions(source)) == silent


@pytest.mark.parametrize(
    ("handler", "silent"),
    [
        ("except Exception:\n    a = 1", [3]),
        ("except BaseException as error:\n    a = 1", [3]),
        ("except (ValueError, Exception):\n    a = 1", [3]),
        ("except:\n    a = 1", [3]),
        ("except Exception:\n    a = 1\n    raise", []),
        ("except Exception:\n    raise\n    a = 1", [3]),
        ("except Exception:  # Whatever it raises.\n    a = 1", []),
        ("except Exception:\n    # Whatever it raises.\n    a = 1", []),
        ("except Exception:\n    a = 1\n    # Whatever it raises.", [3]),
        ("except ValueError:\n    a = 1", []),
    ],
)
def test_finds_broad_handlers_without_a_reason(handler: str, silent: list[int]) -> None:
    assert list(silent_handlers(f"try:\n    f()\n{handler}")) == silent
