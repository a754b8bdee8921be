"""The reference receiver and the sample workbench, with what the portal really sends."""

import importlib.util
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as portal_settings
from django.utils import timezone

from tests.workbench.retries.builders import OLD_SECRET, SECRET, make_request, make_run, set_up_webhook
from workbench.models import RetryRequest
from workbench.retries.message import body_of, headers_of
from workbench.retries.schedule import CLAIM, claim, send_next
from workbench.retries.webhook import configured_webhook

pytestmark = pytest.mark.django_db
FOLDER = portal_settings.BASE_DIR / "clients" / "retry-receiver"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load(monkeypatch, "receiver")


def load(monkeypatch: pytest.MonkeyPatch, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@contextmanager
def serving(receiver: ModuleType, settings: Any, *, database: Path, **options: Any) -> Iterator[list[Any]]:
    """The receiver, to which the portal's webhook leads; what it starts."""
    started: list[Any] = []
    options = {"secrets": [SECRET], "start": lambda **run: started.append(run)} | options
    server = receiver.make_server(port=0, database=database, **options)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    set_up_webhook(settings, url=f"http://127.0.0.1:{server.server_port}/")
    try:
        yield started
    finally:
        server.shutdown()
        server.server_close()


def post(settings: Any, *, now: datetime, tampered: bytes = b"") -> int:
    """The status that an attempt at `now` is answered; `tampered` takes the place of its body."""
    webhook, request = configured_webhook(), RetryRequest.objects.get()
    assert webhook is not None
    body = body_of(request, run=make_run("r-1-of-the-body", workflow_id="w-1"))
    headers = headers_of(request, body=body, webhook=webhook, now=now)
    asked = urllib.request.Request(settings.RETRY_WEBHOOK_URL, data=tampered or body, headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=5) as answered:
            return int(answered.status)
    except urllib.error.HTTPError as fault:
        return fault.code


def test_starts_a_run_whose_id_comes_back(receiver: ModuleType, settings: Any, tmp_path: Path) -> None:
    now = timezone.now()
    with serving(receiver, settings, database=tmp_path / "taken") as started:
        made = make_request(now=now)
        send_next(now=now)

    made.refresh_from_db()
    new = f"retry-{made.message_id}"
    assert (made.state, made.new_run_id) == ("done", new)
    assert started == [{"run_id": new, "retry_of": "r-1", "environment": "production", "workflow_id": "w-1"}]


def test_a_message_that_comes_again_starts_nothing(
    receiver: ModuleType, settings: Any, tmp_path: Path
) -> None:
    now = timezone.now()
    with serving(receiver, settings, database=tmp_path / "taken") as started:
        made = make_request(now=now)
        send_next(now=now)
        # As after a kill between the answer and the portal's commit.
        RetryRequest.objects.update(state="pending", next_attempt_at=now, ended_at=None)
        assert claim(now=now) is not None
        send_next(now=now + CLAIM)
    # A receiver that was started anew knows what it has taken.
    with serving(receiver, settings, database=tmp_path / "taken") as again:
        RetryRequest.objects.update(state="pending", next_attempt_at=now, ended_at=None)
        send_next(now=now + CLAIM)

    made.refresh_from_db()
    assert (len(started), len(again)) == (1, 0)
    assert made.new_run_id == f"retry-{made.message_id}"


@pytest.mark.parametrize(("minutes", "status"), [(0, 202), (-4.9, 202), (4.9, 202), (-5.1, 401), (5.1, 401)])
def test_refuses_old_and_early_messages(
    receiver: ModuleType, settings: Any, tmp_path: Path, minutes: float, status: int
) -> None:
    now = timezone.now()
    with serving(receiver, settings, database=tmp_path / "taken") as started:
        make_request(now=now)

        assert post(settings, now=now + timedelta(minutes=minutes)) == status

    assert len(started) == (status == 202)


def test_reads_nothing_of_a_body_without_a_length(
    receiver: ModuleType, settings: Any, tmp_path: Path
) -> None:
    with serving(receiver, settings, database=tmp_path / "taken"):
        port = urlsplit(settings.RETRY_WEBHOOK_URL).port
        with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
            stranger.sendall(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n")

            assert b" 401 " in stranger.recv(100)


def test_refuses_what_it_can_not_verify(receiver: ModuleType, settings: Any, tmp_path: Path) -> None:
    now = timezone.now()
    with serving(receiver, settings, database=tmp_path / "taken", secrets=[OLD_SECRET]) as started:
        make_request(now=now)
        send_next(now=now)
    assert (RetryRequest.objects.get().answer_status, started) == (401, [])

    with serving(receiver, settings, database=tmp_path / "taken") as started:
        assert post(settings, now=now, tampered=b'{"type": "workflow.run.retry_requested"}') == 401
    assert started == []


@pytest.mark.parametrize("known", [[SECRET], [OLD_SECRET], [SECRET, OLD_SECRET]])
def test_either_secret_will_do_while_one_is_rotated(
    receiver: ModuleType, settings: Any, tmp_path: Path, known: list[str]
) -> None:
    now = timezone.now()
    with serving(receiver, settings, database=tmp_path / "taken", secrets=known) as started:
        settings.RETRY_WEBHOOK_OLD_SECRET = OLD_SECRET
        make_request(now=now)
        send_next(now=now)

    assert len(started) == 1


class Telemetry:
    """Notes what the sample workbench tracks."""

    def __init__(self) -> None:
        self.workbench = self
        self.tracked: list[tuple[str, dict[str, Any]]] = []
        self.is_flushed = threading.Event()

    def workflow_run_started(self, **properties: Any) -> None:
        self.tracked.append(("started", properties))

    def workflow_run_completed(self, **properties: Any) -> None:
        self.tracked.append(("completed", properties))

    def flush(self) -> None:
        self.is_flushed.set()


def test_the_sample_workbench_starts_fails_and_retries_a_run(
    monkeypatch: pytest.MonkeyPatch, receiver: ModuleType, settings: Any, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(portal_settings.BASE_DIR / "clients" / "python" / "src")
    sample = load(monkeypatch, "sample_workbench")
    monkeypatch.setattr(sample, "SECONDS", 0)
    telemetry, now = Telemetry(), timezone.now()
    workbench = sample.SampleWorkbench(telemetry)
    workbench.start(run_id="r-1")
    assert telemetry.is_flushed.wait(5)
    telemetry.is_flushed.clear()

    with serving(receiver, settings, database=tmp_path / "taken", start=workbench.start):
        made = make_request(now=now)
        send_next(now=now)
    assert telemetry.is_flushed.wait(5)

    runs = [
        (what, run["run_id"], run["retry_of_run_id"], run.get("status")) for what, run in telemetry.tracked
    ]
    assert runs == [
        ("started", "r-1", None, None),
        ("completed", "r-1", None, "failed"),
        ("started", f"retry-{made.message_id}", "r-1", None),
        ("completed", f"retry-{made.message_id}", "r-1", "completed"),
    ]
