"""Events that cost a checker the most: each pattern's own characters, repeated, wherever a text can stand."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

BODY_BYTES = 1_000_000
MAX_EVENTS = 2_500
PLAIN = "plain-text_"
# Becomes the number of the event, so that no two texts of a post are the same.
TAIL = b"TAIL"

# What the patterns of privacy, redaction and values are made of, and what JSON itself makes long.
UNITS = (
    *(
        "4-",
        "4 ",
        "4",
        "41",
        "4111-",
        "4111 1111 ",
        "4111111111111111-",
        "5-4-3-",
        "4-4-100-",
        "4-4-4-12345678901234567890-",
        "0190a1f2-7c3b-4d21-8f7e-",
    ),
    *("a@", "@", "a@b.", "a@a-", "a%40", "%40", "%40a.", "a@b.c1", "@a.a"),
    *(
        "eyJ",
        "Bearer ",
        "bearer a",
        "Bearer\t",
        "Bearer -",
        "-----BEGIN ",
        "-----BEGIN A ",
        "-----BEGIN A1 PRIVATE ",
    ),
    *(
        "sk-",
        "sk-a",
        "sk_live_",
        "rk_test_a",
        "ghp_",
        "github_pat_",
        "glpat-",
        "xoxa-",
        "AKIA",
        "AIza",
        "npm_",
    ),
    *(" ", "\t", "\n", "\0", "\\", '"', "/", "é", "\u00a0", "\ud800", "\U0001f600"),
    *("?", "#", "//", "a:", "://@", "http://a@", "2026-02-15T", "2026-", "workbench.", "a.", "a_", "_", "."),
    *("wb_ingest_", "Authorization: ", "{[", "[]"),
)
LENGTHS = (30_000, 2_000, 190, 30, 4)


@dataclass(frozen=True, slots=True)
class WorstCase:
    """`events` are JSON texts: about 1 MB in all, or as many as a post may have."""

    name: str
    events: list[bytes]


def worst_cases(*, body_bytes: int = BODY_BYTES, every: int = 1) -> Iterator[WorstCase]:
    """Every unit, in every place, in texts of every length; then what is many of something.

    Only one case in `every` is made.
    """
    for name, event in islice(worst_events(), 0, None, every):
        yield WorstCase(name, posted(event, body_bytes=body_bytes))


def worst_events() -> Iterator[tuple[str, object]]:
    """The name and the event of each case."""
    for length in LENGTHS:
        for unit in UNITS:
            text = repeated(unit, length=length)
            for place, event in places(text).items():
                yield f"{unit!r} x {length} as {place}", event
    yield from crowds().items()


def plain_text(*, body_bytes: int = BODY_BYTES) -> WorstCase:
    """Good events of ordinary texts, as many as a post may have."""
    properties = {
        "source": "chat",
        "draftId": repeated(PLAIN, length=100),
        "templateId": repeated(PLAIN, length=100),
    }
    return WorstCase("plain text", posted(good(properties=properties), body_bytes=body_bytes))


def repeated(unit: str, *, length: int) -> str:
    """A text of this length, whose end is another in each event unless it is very short."""
    tail = TAIL.decode() if length > 2 * len(TAIL) else ""
    return (unit * (length // len(unit) + 1))[: length - len(tail)] + tail


def good(**changes: Any) -> dict[str, Any]:
    event = {
        "event": "workbench.draft_created",
        "id": "e-TAIL",
        "sessionId": "s-1",
        "timestamp": "2026-02-15T11:00:00Z",
        "properties": {"source": "chat", "draftId": "d-1"},
    }
    return {**event, **changes}


def places(text: str) -> Mapping[str, object]:
    """Events that have the text in one place each."""
    known = {"source": "chat", "draftId": "d-1"}
    return {
        "id of the plan": good(properties={**known, "draftId": text}),
        "enum": good(properties={**known, "source": text}),
        "label": good(
            event="workbench.draft_edited", properties={"draftId": "d", "editType": "chat", "intent": text}
        ),
        "address": good(event="workbench.session_started", properties={"referrer": text}),
        "list of ids": good(
            event="workbench.approval_requested",
            properties={"draftId": "d", "contextType": "incident", "toolIds": [text, "a"]},
        ),
        "unknown property": good(properties={**known, "other": text}),
        "unknown id": good(properties={**known, "otherId": text}),
        "unknown ids": good(properties={**known, "otherIds": ["o-1029", text]}),
        "properties of an unknown event": good(
            event="workbench.nonsense",
            properties=dict.fromkeys(("draftId", "source", "trigger", "intent", "referrer", "runId"), text),
        ),
        "name of a property": good(properties={**known, text: 1}),
        "nested": good(properties={**known, "other": [[text], {text: text}]}),
        "number": good(properties={**known, "nodeCount": text}),
        "person": good(event="workbench.session_started", properties={"userId": text}),
        "event name": good(event=text),
        "unknown event": good(event="workbench.nonsense", properties={"a": {"b": [text]}}),
        "id": good(id=text),
        "session": good(sessionId=text),
        "timestamp": good(timestamp=text),
        "other key": good(**{text: text}),
        "event": text,
    }


def crowds() -> Mapping[str, dict[str, Any]]:
    """Events with many small things in them."""
    known = {"source": "chat", "draftId": "d-1"}
    cases: dict[str, Any] = {
        "empty": {},
        "null": None,
        "empty lists": [[]] * 100,
        "a long number": good(properties={**known, "nodeCount": 10**4000}),
    }
    for count in (40, 400, 3_000):
        cases[f"{count} unknown properties"] = good(properties={f"p{n}": n for n in range(count)})
        cases[f"{count} bad names"] = good(properties={f"{n} ": [] for n in range(count)})
        cases[f"{count} names of persons"] = good(
            properties={"userId": "a", **{f"{n}@": "a" for n in range(count)}}
        )
        cases[f"{count} unknown ids"] = good(
            properties={f"p{n}OtherId": f"other-{n + 10}" for n in range(count)}
        )
        cases[f"{count} unlisted ids"] = good(properties={"otherIds": [f"o-{n + 10}" for n in range(count)]})
        cases[f"{count} other keys"] = good(**{f"k{n}": {} for n in range(count)})
        cases[f"{count} items"] = good(properties={**known, "toolIds": ["a"] * count})
        cases[f"{count} items of an unknown event"] = good(event="a.b", properties={"a": ["4-4-"] * count})
        cases[f"{count} objects"] = good(properties={**known, "other": [{"a@": 1}] * count})
    return cases


def posted(event: object, *, body_bytes: int) -> list[bytes]:
    text = json.dumps(event, separators=(",", ":")).encode()
    count = max(1, min(MAX_EVENTS, body_bytes // (len(text) + 1)))
    return [text.replace(TAIL, b"%04d" % number) for number in range(count)]
