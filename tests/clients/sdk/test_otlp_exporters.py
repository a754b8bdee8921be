"""Exporters of OpenTelemetry, unchanged, run the examples of docs/spans.md while all kinds of things go wrong."""

import gzip
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from django.utils import timezone
from opentelemetry.sdk import version as sdk_version
from pytest_django.live_server_helper import LiveServer

from telemetry import maintenance
from telemetry.door import throttling
from telemetry.models import RawEvent
from tests.clients.sdk import table
from tests.clients.sdk.conftest import ROOT, refused
from tests.telemetry.door.protocols.otlp.builders import SECOND, protobuf, span
from tests.telemetry.posts import send

PROGRAMS = Path(__file__).parent / "programs"
# Not among the packages of the environment, but beside them.
OLDER = Path(sys.prefix) / "older"
[OLDER_VERSION] = re.findall(
    r"^opentelemetry-sdk==(\S+)$", (ROOT / "requirements-older.txt").read_text(), flags=re.MULTILINE
)
PAGE = (ROOT / "docs" / "spans.md").read_text(encoding="utf-8")
PORTAL, KEY = "https://portal.example", "wb_ingest_KEY"
PROTO, HTTP = "@opentelemetry/exporter-trace-otlp-proto", "@opentelemetry/exporter-trace-otlp-http"
PATH = "/v1/traces"
EVENTS = {
    "agent.run_completed",
    "agent.run_started",
    "workbench.workflow_run_completed",
    "workbench.workflow_run_started",
}

Answer = tuple[int, Mapping[str, str], bytes]


def example(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return str(found)


@dataclass
class Trouble:
    """A network whose addresses `/<fault>/v1/traces` have one fault each, at first, and then lead to the portal.

    `answers` are those of the portal that faults repeat. `asked` counts the requests of each fault.
    """

    address: str
    answers: Mapping[str, Answer]
    asked: Counter[str] = field(default_factory=Counter)


# What each address does to its first requests. The exporter for Python tries a lost connection twice at once.
FAULTS = {"none": 0, "slow": 1, "lost_answer": 1, "down": 2, "throttled": 1, "maintenance": 1}


@contextmanager
def troubled_network(portal: str, answers: Mapping[str, Answer]) -> Iterator[Trouble]:
    lock = threading.Lock()

    class Relay(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or self.read_chunks()
            fault, path = self.path.strip("/").split("/", 1)
            with lock:
                network.asked[fault] += 1
                is_faulty = network.asked[fault] <= FAULTS[fault]
            if is_faulty and fault in network.answers:
                self.answer(*network.answers[fault])
            elif is_faulty and fault == "down":
                self.close_connection = True
            else:
                time.sleep(0.5 if is_faulty and fault == "slow" else 0)
                answer = requests.post(f"{portal}/{path}", data=body, headers=dict(self.headers), timeout=30)
                if is_faulty and fault == "lost_answer":
                    self.close_connection = True
                else:
                    self.answer(answer.status_code, answer.headers, answer.content)

        def read_chunks(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return b""
            del self.headers["Transfer-Encoding"]
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
            self.send_response(status)
            for name in ("Content-Type", "Retry-After"):
                if name in headers:
                    self.send_header(name, headers[name])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Relay) as server:
        network = Trouble(f"http://127.0.0.1:{server.server_port}", answers)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield network
        server.shutdown()


@pytest.fixture
def network(live_server: LiveServer, write_key: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trouble]:
    def ask() -> Answer:
        headers = {"Authorization": f"Bearer {write_key}", "Content-Type": "application/x-protobuf"}
        answer = requests.post(live_server.url + PATH, headers=headers, timeout=10)
        return answer.status_code, answer.headers, answer.content

    now = timezone.now()
    maintenance.switch_on(message="Back soon.", ends_at=now + timedelta(seconds=2), by=None, now=now)
    answers = {"maintenance": ask()}
    maintenance.switch_off(by=None, now=now)
    with monkeypatch.context() as patch:
        patch.setattr(throttling, "take_token", lambda *_, **__: 0.5)
        answers["throttled"] = ask()
    assert {status for status, _, _ in answers.values()} == {HTTPStatus.SERVICE_UNAVAILABLE}
    with troubled_network(live_server.url, answers) as network:
        yield network


def run_all_at_once(command: list[str], program: str, **variables: str) -> None:
    done = subprocess.run(
        command,
        input=program,
        cwd=Path(__file__).parent,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "Failed" not in done.stderr


def check_that_all_is_stored_once(network: Trouble) -> None:
    """Each fault's example has its four events, of spans of its own, under the ids of its own."""
    rows = list(RawEvent.objects.values_list("event", "event_id", "session_id"))
    assert Counter(event for event, _, _ in rows) == dict.fromkeys(EVENTS, len(FAULTS))
    assert len({event_id for _, event_id, _ in rows}) == len(rows)
    assert {session for _, _, session in rows} == {"s-1"}
    assert refused() == []
    tries = {fault: network.asked[fault] for fault in FAULTS}
    assert tries == {**{fault: count + 1 for fault, count in FAULTS.items()}, "slow": 1}


def addresses(network: Trouble) -> list[str]:
    return [f"{network.address}/{fault}" for fault in FAULTS]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("version", "compression"), [(sdk_version.__version__, "gzip"), (OLDER_VERSION, "deflate")]
)
def test_python_exporter(network: Trouble, write_key: str, version: str, compression: str) -> None:
    is_installed = version == sdk_version.__version__
    if not is_installed and not OLDER.exists():
        pytest.skip("The older exporter is not installed (make test)")
    program = example("python").replace(PORTAL, "URL").replace(KEY, write_key)

    run_all_at_once(
        [sys.executable, str(PROGRAMS / "many_at_once.py"), *addresses(network)],
        f"from opentelemetry.sdk.version import __version__\nassert __version__ == {version!r}\n{program}",
        OTEL_EXPORTER_OTLP_COMPRESSION=compression,
        PYTHONPATH="" if is_installed else str(OLDER),
    )

    check_that_all_is_stored_once(network)


@pytest.mark.processes
@pytest.mark.sdks
@pytest.mark.parametrize("package", [PROTO, HTTP])
def test_node_exporter(network: Trouble, write_key: str, package: str) -> None:
    code = example("js").replace(PROTO, package).replace(f'"{PORTAL}', 'url + "').replace(KEY, write_key)
    imports, statements = code.split("\n\n", 1)
    program = (
        f"{imports}\nconst run = async (url) => {{\n{statements}}};\n"
        f"await Promise.all(process.argv.slice(2).map(run));\n"
    )
    node = [str(ROOT / "scripts" / "with-node"), sys.executable, "node", "--input-type=module"]

    run_all_at_once([*node, "-", *addresses(network)], program)

    check_that_all_is_stored_once(network)


@pytest.mark.django_db
def test_collectors_largest_batch_is_stored_once(write_key: str) -> None:
    exporter = yaml.safe_load(example("yaml"))["exporters"]["otlphttp/portal"]
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 900}
    moment = {"start": time.time_ns() - SECOND, "end": time.time_ns()}
    spans = [span(span_id=f"{number:016x}", attributes=attributes, **moment) for number in range(1, 8_193)]
    body = gzip.compress(protobuf(spans), 1)

    for _ in range(2):
        answer = send(
            body,
            path=exporter["traces_endpoint"].removeprefix(PORTAL),
            CONTENT_TYPE="application/x-protobuf",
            HTTP_CONTENT_ENCODING="gzip",
            HTTP_AUTHORIZATION=exporter["headers"]["Authorization"].replace(KEY, write_key),
        )
        assert (answer.status_code, answer.content) == (HTTPStatus.OK, b"")

    assert RawEvent.objects.count() == 8_192


def test_the_page_names_the_versions_that_are_tried() -> None:
    node = table.pinned_versions("Node")
    versions = {
        "opentelemetry-exporter-otlp-proto-http": f"{sdk_version.__version__}, {OLDER_VERSION}",
        PROTO: node[PROTO],
        HTTP: node[HTTP],
    }

    rows = dict(re.findall(r"^\| `(\S+)` for \w+ \| ([\d., ]+) \|", PAGE, flags=re.MULTILINE))

    assert rows == versions
