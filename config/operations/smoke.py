"""The way of one event through a running portal, from the post to the scrape and the KPI, asked from outside.

It uses nothing but the portal's addresses, so it can run on any machine.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

# It changes nothing but two counts: messages in the events, and in the denominator of this KPI.
EVENT = "workbench.chat_message_sent"
KPI = "template-suggestion-rate"
FAMILY = "workbench_events"
# Of one answer. The portal gives up earlier by itself.
ANSWER_SECONDS = 10
PAUSE_SECONDS = 0.5


class SmokeFailed(Exception):
    """A step failed; the text says what was found and where to look."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step that went well: what was found, and how long it took."""

    name: str
    finding: str
    seconds: float


@dataclass(kw_only=True)
class SmokeTest:
    """`url` is the portal's origin, and `inside` the address that answers /readyz and /metrics.

    The keys are of scope ingest, read and metrics; the last may be empty, where this is the portal's own machine. Both
    others are of `environment`.
    """

    url: str
    inside: str
    key: str
    read_key: str
    metrics_key: str
    environment: str
    # For all the waiting of one step.
    timeout_seconds: float
    session_id: str
    events_before: float = 0
    messages_before: int = 0

    def run(self, *, now: Callable[[], datetime]) -> Iterator[tuple[str, Callable[[], str]]]:
        """The steps in their order: a name, and a call that returns what was found or raises SmokeFailed."""
        yield "ready", self.check_ready
        yield "scrape before", self.scrape_before
        yield "KPI before", self.read_before
        yield "key", self.check_key
        yield "post", lambda: self.post(now=now())
        yield "series", self.wait_for_series
        yield "KPI", self.wait_for_kpi

    def check_ready(self) -> str:
        answer = self.ask("GET", "/readyz", origin=self.inside)
        if answer.status_code != HTTPStatus.OK:
            missing = "; ".join(line for line in answer.text.splitlines() if ": ok" not in line)
            raise SmokeFailed(
                f"/readyz answers {answer.status_code}: {missing[:300]}. Look at that process and its log; a 400 means "
                "that ALLOWED_HOSTS lacks the host, a 404 that a proxy keeps it: then --inside takes the portal's own "
                "address."
            )
        return "every line is ok"

    def scrape_before(self) -> str:
        self.events_before = self.count_events()
        return f"{self.events_before:g} events of this kind in {self.environment}"

    def read_before(self) -> str:
        self.messages_before = self.count_messages()
        return f"{self.messages_before} messages in {self.environment}"

    def check_key(self) -> str:
        """Before the post: an event in another environment would count there, and nobody here would see it."""
        answer = self.ask("GET", "/api/ingest/recent/?limit=1", origin=self.url, key=self.key)
        if answer.status_code != HTTPStatus.OK:
            raise SmokeFailed(
                f"/api/ingest/recent/ answers {answer.status_code}: {message_of(answer)} "
                "--key takes a key of scope ingest."
            )
        environment = json_of(answer).get("environment", "")
        if environment != self.environment:
            raise SmokeFailed(
                f"The ingest key is of the environment {environment}, and {self.environment} is watched. Nothing was "
                f"posted. Name a key of {self.environment}, or --environment {environment} and a read key of that."
            )
        return f"of scope ingest and environment {environment}"

    def post(self, *, now: datetime) -> str:
        event = {
            "event": EVENT,
            "id": str(uuid.uuid4()),
            "sessionId": self.session_id,
            "timestamp": now.isoformat(),
            "properties": {},
        }
        answer = self.ask(
            "POST", "/api/workbench/telemetry", origin=self.url, key=self.key, json={"events": [event]}
        )
        if answer.status_code != HTTPStatus.OK:
            raise SmokeFailed(
                f"The post is answered {answer.status_code}: {message_of(answer)} "
                "503 is maintenance or a database that does not answer."
            )
        verdict = json_of(answer)
        if verdict.get("accepted") != 1:
            raise SmokeFailed(
                f"The event is not accepted: {answer.text[:300]}. Look at the tracking plan, this machine's clock, "
                "and the events that the key may send."
            )
        return f"accepted, session {self.session_id}"

    def wait_for_series(self) -> str:
        found = self.wait(self.count_events, above=self.events_before)
        if found is None:
            raise SmokeFailed(
                f'{FAMILY}_total{{event="{EVENT}",environment="{self.environment}"}} stays {self.events_before:g}. '
                "Nothing takes events off the queue: look at portal_arrivals_pending, worker and scheduler."
            )
        return f"{found:g} events"

    def wait_for_kpi(self) -> str:
        found = self.wait(self.count_messages, above=self.messages_before)
        if found is None:
            raise SmokeFailed(
                f"{KPI} stays at {self.messages_before} messages. The event is folded but not rolled up: look at "
                "portal_rollup_lag_seconds and the worker's log."
            )
        return f"{found:g} messages"

    def wait(self, count: Callable[[], float], *, above: float) -> float | None:
        """The count as soon as it is above; None when the time is over."""
        deadline = time.monotonic() + self.timeout_seconds
        while (found := count()) <= above:
            if time.monotonic() >= deadline:
                return None
            time.sleep(PAUSE_SECONDS)
        return found

    def count_events(self) -> float:
        """What the scrape says of EVENT in this environment; 0 where there is no series yet."""
        answer = self.ask("GET", "/metrics", origin=self.inside, key=self.metrics_key)
        if answer.status_code != HTTPStatus.OK:
            raise SmokeFailed(
                f"/metrics answers {answer.status_code}: {message_of(answer)} --metrics-key takes METRICS_TOKEN or a "
                "key of scope metrics; a 404 is METRICS_ENABLED=false, or a proxy that keeps it: then --inside takes "
                "the portal's own address."
            )
        wanted = {"event": EVENT, "environment": self.environment}
        samples = [
            sample for family in text_string_to_metric_families(answer.text) for sample in family.samples
        ]
        if any(sample.name == "portal_metrics_collect_error" and sample.value for sample in samples):
            raise SmokeFailed(
                "The scrape could not read the database (portal_metrics_collect_error). Look at it."
            )
        return sum(
            sample.value
            for sample in samples
            if sample.name == f"{FAMILY}_total" and wanted.items() <= sample.labels.items()
        )

    def count_messages(self) -> int:
        """The denominator of KPI over the last days; 0 where there is none."""
        path = f"/api/kpis/{KPI}/?granularity=total&environment={self.environment}"
        answer = self.ask("GET", path, origin=self.url, key=self.read_key)
        if answer.status_code != HTTPStatus.OK:
            raise SmokeFailed(
                f"The read API answers {answer.status_code}: {message_of(answer)} "
                f"--read-key takes a key of scope read and environment {self.environment}."
            )
        return int(json_of(answer)["total"]["denominator"] or 0)

    def ask(
        self, method: str, path: str, *, origin: str, key: str = "", json: dict[str, Any] | None = None
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = f"{origin.rstrip('/')}{path}"
        try:
            # A redirect would turn a post into a GET.
            return requests.request(
                method, url, headers=headers, json=json, timeout=ANSWER_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise SmokeFailed(
                f"{origin} does not answer ({type(error).__name__}). Look at the address, the proxy and the web "
                "server."
            ) from error


def run_steps(test: SmokeTest, *, now: Callable[[], datetime]) -> Iterator[Step]:
    """Each step as soon as it went well. Raises SmokeFailed, which names the step, and ends with it."""
    for name, run in test.run(now=now):
        began_at = time.monotonic()
        try:
            finding = run()
        except SmokeFailed as failure:
            raise SmokeFailed(
                f"{name} failed after {time.monotonic() - began_at:.1f} s. {failure}"
            ) from failure
        yield Step(name=name, finding=finding, seconds=time.monotonic() - began_at)


def json_of(answer: requests.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except requests.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise SmokeFailed("The answer is not JSON: something else than the portal answers at this address.")
    return found


def message_of(answer: requests.Response) -> str:
    """The portal's own sentence, or where the answer leads elsewhere."""
    if answer.is_redirect:
        return f"it leads to {answer.headers['Location']}; name that address."
    try:
        return str(json_of(answer).get("message", ""))
    except SmokeFailed as failure:
        return str(failure)
