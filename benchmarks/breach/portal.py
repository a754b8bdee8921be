"""A portal that runs, what is posted to it, and how it is broken and mended."""

import json
import math
import os
import signal
import sqlite3
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

from benchmarks.servers import manage

POSTS = "/api/workbench/telemetry"
# Of one post.
MOST_EVENTS = 500
# The KPI that is brought off its target, whose page has its alerts.
KPI = "template-suggestion-rate"
# The share of failed requests that is bad enough for the alert on them, and one that is good again.
BAD_SHARE, GOOD_SHARE = 0.09, 0.03
# The alert looks back five minutes, give or take a scrape.
SURELY_SEEN, SURELY_FORGOTTEN = 270, 330

Document = dict[str, Any]


def document(event: str, properties: Mapping[str, object], *, ago: timedelta = timedelta()) -> Document:
    """An event that happened so long ago."""
    return {
        "event": event,
        "id": uuid4().hex,
        "sessionId": "breach",
        "timestamp": (datetime.now(UTC) - ago).isoformat(),
        "properties": properties,
    }


@dataclass(kw_only=True)
class Portal:
    """Where it listens, and what was sent: posts by the status of their answer, messages and suggestions as the KPI
    counts them, and requests to the app servers as (when, failed, all).
    """

    port: int
    data_dir: Path
    variables: dict[str, str]
    ingest_key: str
    read_key: str
    cookie: str
    statuses: Counter[int] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)
    messages: int = 0
    suggestions: int = 0
    requests: list[tuple[float, int, int]] = field(default_factory=list)

    def page(self, path: str) -> str:
        """A page, as a viewer gets it."""
        return self.ask(path, headers={"Cookie": self.cookie})

    def objectives(self) -> list[Document]:
        """What the API says of production and of the portal."""
        answer = self.ask("/api/slos/", headers={"Authorization": f"Bearer {self.read_key}"})
        found: list[Document] = json.loads(answer)["objectives"]
        return found

    def ask(self, path: str, *, headers: dict[str, str], body: bytes | None = None) -> str:
        """The text of the answer. Raises HTTPError for a status of 400 and above."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text: str = answer.read().decode()
        return text

    def send(self, events: Sequence[Document]) -> int:
        """Post the events, whatever is answered; returns how many were accepted."""
        headers = {"Authorization": f"Bearer {self.ingest_key}", "Content-Type": "application/json"}
        status, accepted = 200, 0
        try:
            answer = self.ask(POSTS, headers=headers, body=json.dumps({"events": events}).encode())
            accepted = json.loads(answer)["accepted"]
        except urllib.error.HTTPError as error:
            status = error.code
        with self.lock:
            self.statuses[status] += 1
        return accepted

    def post(self, event: str, *, count: int, **properties: object) -> None:
        """Post so many events of this moment, all of which must be accepted."""
        for first in range(0, count, MOST_EVENTS):
            events = [document(event, properties) for _ in range(min(MOST_EVENTS, count - first))]
            accepted = self.send(events)
            if accepted != len(events):
                raise ValueError(f"of {len(events)} events {accepted} were accepted")

    # A KPI off its target ---------------------------------------------------------------------------------

    def break_kpi(self) -> None:
        """So many chat messages that templates were suggested for a fifth of them at most; the target is 0.3."""
        # A quarter of so few could be noise, which lets no alert begin.
        count = max(200, 5 * self.suggestions - self.messages)
        self.post("workbench.chat_message_sent", count=count)
        self.messages += count

    def mend_kpi(self) -> None:
        """Templates are suggested for two messages in five."""
        count = 2 * self.messages // 5 - self.suggestions
        self.post("workbench.template_suggested", count=count, templateId="t-1")
        self.suggestions += count

    def is_marked(self) -> bool:
        """Whether the KPI's page says that an alert fires, and its chart marks it."""
        page = self.page(f"/kpis/{KPI}/")
        return "alert-strip" in page and '"key": "alert"' in page

    # A rollup that stopped --------------------------------------------------------------------------------

    def stop_rollup(self) -> None:
        """The process that runs every task hangs."""
        os.kill(self.scheduler(), signal.SIGSTOP)

    def resume_rollup(self) -> None:
        os.kill(self.scheduler(), signal.SIGCONT)

    def scheduler(self) -> int:
        """Its process id."""
        state = json.loads((self.data_dir / "supervisor.json").read_text(encoding="utf-8"))
        return int(state["scheduler"]["pid"])

    # Posts that fail --------------------------------------------------------------------------------------

    def refuse_events(self) -> None:
        """The database refuses every event, as after a faulty migration: posts are answered 5xx."""
        self.query(
            "CREATE TRIGGER refuse_events BEFORE INSERT ON telemetry_rawevent"
            " BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )

    def take_events(self) -> None:
        self.query("DROP TRIGGER refuse_events")

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows that the database answers."""
        with closing(sqlite3.connect(self.data_dir / "portal.sqlite3", timeout=20)) as database:
            rows = database.execute(statement).fetchall()
            database.commit()
        return rows

    # Maintenance that is left on --------------------------------------------------------------------------

    def begin_maintenance(self) -> None:
        manage("maintenance", "on", "--message", "We move to a larger disk.", variables=self.variables)

    def end_maintenance(self) -> None:
        manage("maintenance", "off", variables=self.variables)

    # App servers that fail --------------------------------------------------------------------------------

    def know_app_servers(self) -> None:
        """One request that failed and one that did not: to Prometheus a series' first value is its beginning."""
        self.note_requests(failed=1, good=1)

    def fail_app_servers(self) -> None:
        failed, total = self.requests_within(SURELY_FORGOTTEN)
        missing = math.ceil((BAD_SHARE * total - failed) / (1 - BAD_SHARE))
        self.note_requests(failed=max(60, missing), good=0)

    def mend_app_servers(self) -> None:
        failed, _ = self.requests_within(SURELY_FORGOTTEN)
        _, total = self.requests_within(SURELY_SEEN)
        self.note_requests(failed=0, good=math.ceil(failed / GOOD_SHARE) - total)

    def requests_within(self, seconds: float) -> tuple[int, int]:
        """(failed, all) of so many seconds."""
        since = time.monotonic() - seconds
        recent = [(failed, total) for at, failed, total in self.requests if at >= since]
        return sum(failed for failed, _ in recent), sum(total for _, total in recent)

    def note_requests(self, *, failed: int, good: int) -> None:
        for status, count in ((500, failed), (200, good)):
            self.post(
                "appserver.request_completed",
                count=count,
                route="/api/threads",
                method="POST",
                status=status,
                durationMs=40,
            )
        self.requests.append((time.monotonic(), failed, failed + good))
