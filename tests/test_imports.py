"""Imports point one way: config → kpis → workbench → telemetry. Imports within functions count too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# From the one that everything may import to the one that nothing may.
LAYERS = ("telemetry", "workbench", "kpis", "config")


def imported(source: str, *, package: str) -> Iterator[str]:
    """Full names of the modules that a module of the package imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parents, *filter(None, [node.module])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def forbidden(source: str, *, package: str) -> set[str]:
    """What the module imports from a layer above its own."""
    above = LAYERS[LAYERS.index(package.split(".")[0]) + 1 :]
    return {name for name in imported(source, package=package) if name.split(".")[0] in above}


def modules() -> list[Path]:
    return sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    package = ".".join(path.relative_to(ROOT).parent.parts)
    assert forbidden(path.read_text(encoding="utf-8"), package=package) == set()


@pytest.mark.parametrize(
    ("source", "package", "expected"),
    [
        ("import kpis.models", "telemetry", {"kpis.models"}),
        ("def f():\n  from workbench import fold", "telemetry", {"workbench", "workbench.fold"}),
        ("from ... import kpis", "telemetry.management.commands", set()),
        ("from telemetry import plan\nimport kpisx", "kpis", set()),
        ("from .models import Draft", "workbench", set()),
        (
            "if True:\n  from config.settings import DEBUG",
            "kpis",
            {"config.settings", "config.settings.DEBUG"},
        ),
    ],
)
def test_finds_imports_that_point_up(source: str, package: str, expected: set[str]) -> None:
    assert forbidden(source, package=package) == expected
