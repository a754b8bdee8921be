"""docs/ingest.md lists every code that the door answers."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTED = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "ingest.md").read_text(encoding="utf-8")))


def request_fault_codes() -> Iterator[str]:
    """The codes that stand as `code="…"` in the modules that answer posts."""
    for app in ("web", "telemetry"):
        for path in (ROOT / app).rglob("*.py"):
            yield from re.findall(r'\bcode="(\w+)"', path.read_text(encoding="utf-8"))


def test_every_fault_of_a_whole_request_is_documented() -> None:
    codes = set(request_fault_codes())

    assert {"bad_json", "missing_key", "too_many_requests", "maintenance", "bad_parameter"} <= codes
    assert codes - DOCUMENTED == set()
