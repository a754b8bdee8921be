"""Which files are written from a tracking plan, and where."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from telemetry.clients.catalogue import event_catalogue
from telemetry.clients.javascript import typescript_types
from telemetry.clients.python import python_events
from telemetry.plan import TrackingPlan, json_schema


@dataclass(frozen=True, kw_only=True)
class ExportedFile:
    """`place` is where this project keeps it; for another plan it is `name` in a folder."""

    name: str
    place: Path
    write: Callable[[TrackingPlan], str]


def schema_text(plan: TrackingPlan) -> str:
    return json.dumps(json_schema(plan), indent=2, ensure_ascii=False) + "\n"


FILES: tuple[ExportedFile, ...] = (
    ExportedFile(
        name="events.py", place=Path("clients/python/src/workbench_analytics/events.py"), write=python_events
    ),
    ExportedFile(
        name="events.schema.json", place=Path("clients/schema/events.schema.json"), write=schema_text
    ),
    ExportedFile(name="events.md", place=Path("docs/events.md"), write=event_catalogue),
    ExportedFile(
        name="events.generated.ts",
        place=Path("clients/javascript/src/events.generated.ts"),
        write=typescript_types,
    ),
)


def exported_texts(plan: TrackingPlan, *, root: Path) -> dict[Path, str]:
    """Every file of this project that follows from the plan, with its text. `root` is the project's folder."""
    return {root / file.place: file.write(plan) for file in FILES}


def exported_texts_in(plan: TrackingPlan, *, folder: Path) -> dict[Path, str]:
    """The same files for another plan, side by side in one folder."""
    return {folder / file.name: file.write(plan) for file in FILES}


def find_drift(texts: Mapping[Path, str]) -> list[str]:
    """A sentence for each file that is missing or whose content is not its text."""
    return [f"{path} {fault}." for path, text in texts.items() if (fault := _fault(path, text))]


def write_texts(texts: Mapping[Path, str]) -> list[Path]:
    """Write what differs; returns the files that were written. Safe to repeat."""
    changed = [path for path, text in texts.items() if _fault(path, text)]
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(texts[path].encode())
    return changed


def _fault(path: Path, text: str) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return "is missing"
    return "" if content == text.encode() else "does not follow from the plan"
