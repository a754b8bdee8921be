"""Small posts that are large inside, or that cost much to read."""

import gzip
import http.client
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import zstandard

from benchmarks.ingest_batch import DOOR
from faults.memory import watching_memory
from faults.stage import Stage

INFLATED_BYTES = 200 * 1024 * 1024
TIMES = 3
TIMEOUT_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class Bomb:
    """A post that stores nothing: refused as a whole, or 200 with every event rejected."""

    name: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def explode(stage: Stage) -> None:
    key = stage.portal.prepared["visitors"]["ingest"]
    with watching_memory(stage):
        for bomb in bombs() * (1 if stage.is_short else TIMES):
            status, accepted = post(stage, bomb, key=key)
            is_refused = 400 <= status < 500 or status == 503 or (status == 200 and accepted == 0)
            stage.expect(is_refused, f"{bomb.name}: {status}, {accepted} accepted")


def bombs() -> list[Bomb]:
    zeros = bytes(INFLATED_BYTES)
    encoded = {
        "gzip": gzip.compress(zeros, compresslevel=6),
        "deflate": zlib.compress(zeros, level=6),
        "zstd": zstandard.compress(zeros),
    }
    inner = gzip.compress(b'{"events": []}')
    return [
        *(Bomb(name=name, body=body, headers={"Content-Encoding": name}) for name, body in encoded.items()),
        Bomb(
            name="gzip in gzip",
            body=gzip.compress(encoded["gzip"]),
            headers={"Content-Encoding": "gzip, gzip"},
        ),
        Bomb(name="gzip members", body=inner * 20_000, headers={"Content-Encoding": "gzip"}),
        Bomb(name="a nested list", body=b"[" * 1_000_000),
        Bomb(name="nested objects", body=b'{"a":' * 200_000),
        Bomb(
            name="a charset that decompresses",
            body=b"{}",
            headers={"Content-Type": "application/json; charset=bz2_codec"},
        ),
        Bomb(name="a huge number", body=batch(messageLength=1).replace(b": 1}", b": 1" + b"0" * 4000 + b"}")),
        Bomb(name="an infinite number", body=batch(messageLength=1).replace(b": 1}", b": 1e400}")),
        Bomb(name="card numbers", body=batch(*[{"draftId": "4-" * 15_000}] * 30)),
    ]


def batch(*several: Mapping[str, Any], **properties: Any) -> bytes:
    """Events with these properties, none of which the plan allows."""
    now = datetime.now(UTC).isoformat()
    events = [
        {"event": "workbench.chat_message_sent", "sessionId": "s", "timestamp": now, "properties": one_event}
        for one_event in several or [properties]
    ]
    return json.dumps({"events": events}).encode()


def post(stage: Stage, bomb: Bomb, *, key: Mapping[str, str]) -> tuple[int, int]:
    """(status, accepted events); status 0 without an answer."""
    headers = {"Content-Type": "application/json", **key, **bomb.headers}
    connection = http.client.HTTPConnection("127.0.0.1", stage.portal.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", DOOR, body=bomb.body, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body)["accepted"] if answer.status == 200 else 0
    except ConnectionError:
        # Refused and closed while the body was still on its way.
        return 400, 0
    except (OSError, http.client.HTTPException):
        return 0, 0
    finally:
        connection.close()
