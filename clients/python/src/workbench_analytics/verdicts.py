"""What the portal said of a batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench_analytics.values import Event, Problem, Rejection


@dataclass(frozen=True)
class Verdict:
    """The portal's answer to a batch: every event of it is accounted for."""

    accepted: int
    duplicates: int
    rejections: tuple[Rejection, ...]
    # Events that were accepted, with what is to be changed about them.
    warnings: tuple[Rejection, ...]


def read_verdict(body: bytes, *, events: Sequence[Event]) -> Verdict | None:
    """The verdict in an answer of 200; None when it is none, as from a proxy's own page or when cut short."""
    try:
        answer = json.loads(body)
        accepted, duplicates, rejected = (int(answer[key]) for key in ("accepted", "duplicates", "rejected"))
        results = [entry for entry in answer["results"] if 0 <= entry["index"] < len(events)]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    rejections = _about(events, results, "rejected")
    if accepted + duplicates + len(rejections) != len(events) or rejected != len(rejections):
        return None
    return Verdict(
        accepted=accepted,
        duplicates=duplicates,
        rejections=rejections,
        warnings=_about(events, results, "warning"),
    )


def read_fault(body: bytes, *, status: int) -> Problem:
    """Why the portal refused a whole request, from its error body, or from the status where that says nothing."""
    try:
        answer = json.loads(body)
        return Problem(code=str(answer["code"]), field="", message=str(answer["message"]))
    except (ValueError, TypeError, KeyError):
        return Problem(code=f"http_{status}", field="", message=f"The portal answered {status}.")


def _about(events: Sequence[Event], results: list[dict[str, Any]], status: str) -> tuple[Rejection, ...]:
    """One entry an event, with all that was said of it."""
    problems: dict[int, list[Problem]] = {}
    for entry in results:
        if entry.get("status") == status:
            texts = (str(entry.get(key) or "") for key in ("code", "field", "message"))
            problems.setdefault(entry["index"], []).append(Problem(*texts))
    return tuple(
        Rejection(event=events[index].name, event_id=events[index].event_id, problems=tuple(found))
        for index, found in problems.items()
    )
