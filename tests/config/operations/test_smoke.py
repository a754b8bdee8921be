"""`manage.py smoke` against a running portal: it goes through, and each step can fail."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from benchmarks.servers import free_port
from config.operations.smoke import SmokeFailed, SmokeTest, run_steps
from tests.config.test_portal import ROOT, Portal, start, wait_until
from tests.config.test_portal import environment as settings_of

pytestmark = pytest.mark.processes

TOKEN = "smoke-tests-token"


@dataclass
class Smoked:
    """A portal that takes everybody for a client of a proxy, and keys of its environment smoke."""

    portal: Portal
    key: str
    read_key: str

    def smoke_test(self, **changes: object) -> SmokeTest:
        return SmokeTest(
            **{
                "url": f"http://127.0.0.1:{self.portal.port}",
                "inside": f"http://127.0.0.1:{self.portal.port}",
                "key": self.key,
                "read_key": self.read_key,
                "metrics_key": TOKEN,
                "environment": "smoke",
                "timeout_seconds": 60.0,
                "session_id": "smoke-1",
                **changes,
            }
        )

    def failure(self, **changes: object) -> str:
        """What the step that fails says."""
        with pytest.raises(SmokeFailed) as failed:
            list(run_steps(self.smoke_test(**changes), now=timezone.now))
        return str(failed.value)


@pytest.fixture(scope="module")
def smoked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smoked]:
    data_dir = tmp_path_factory.mktemp("smoked")
    more = {"TRUSTED_PROXIES": "127.0.0.1", "METRICS_TOKEN": TOKEN}
    portal = start(data_dir, **more)
    keys = [make_key(scope, data_dir=data_dir, port=portal.port) for scope in ("ingest", "read")]
    wait_until(lambda: portal.get("/readyz")[0] == 200, seconds=60)
    yield Smoked(portal, *keys)
    portal.process.terminate()
    portal.process.communicate(timeout=20)


def make_key(scope: str, *, data_dir: Path, port: int, environment: str = "smoke") -> str:
    words = ["create_key", "--scope", scope, "--environment", environment, "--source", "smoke"]
    command = [sys.executable, "manage.py", *words]
    own = settings_of(data_dir, port=port)
    return subprocess.run(
        command, cwd=ROOT, env=own, capture_output=True, text=True, check=True
    ).stdout.strip()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_an_event_goes_all_the_way(smoked: Smoked, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{smoked.portal.port}"
    keys = [f"--key={smoked.key}", f"--read-key={smoked.read_key}", f"--metrics-key={TOKEN}"]

    call_command("smoke", f"--url={url}", *keys)

    lines = capsys.readouterr().out.splitlines()
    assert [re.sub(r"^ *[\d.]+ s  |smoke-[0-9a-f-]+", "", line) for line in lines] == [
        "ready: every line is ok",
        "scrape before: 0 events of this kind in smoke",
        "KPI before: 0 messages in smoke",
        "key: of scope ingest and environment smoke",
        "post: accepted, session ",
        "series: 1 events",
        "KPI: 1 messages",
    ]


def test_a_proxy_keeps_the_probes_and_the_scrape(smoked: Smoked) -> None:
    """Both addresses are that of the portal here, so what is asked where is told from the one that does not answer."""
    nobody = f"http://127.0.0.1:{free_port()}"

    inside = smoked.failure(inside=nobody)
    outside = smoked.failure(url=nobody)

    assert re.match(rf"ready failed after .* {nobody} does not answer", inside)
    assert re.match(rf"KPI before failed after .* {nobody} does not answer", outside)


def test_nothing_answers(smoked: Smoked) -> None:
    with pytest.raises(CommandError, match=r"^ready failed after .* does not answer \(ConnectionError\)"):
        call_command("smoke", f"--url=http://127.0.0.1:{free_port()}", f"--key={smoked.key}", "--read-key=x")


def test_the_scheduler_is_not_seen(smoked: Smoked) -> None:
    sign = smoked.portal.data_dir / "scheduler.alive"
    with frozen(smoked.portal.state()["scheduler"]["pid"]):
        os.utime(sign, (0, 0))
        wait_until(lambda: smoked.portal.get("/readyz")[0] == 503)
        failure = smoked.failure()
    wait_until(lambda: smoked.portal.get("/readyz")[0] == 200)

    assert re.match(r"ready failed after .* /readyz answers 503: scheduler: missing", failure)


def test_the_scrape_is_not_open(smoked: Smoked) -> None:
    failure = smoked.failure(metrics_key="")

    assert re.match(r"scrape before failed after .* /metrics answers 401: .* --metrics-key takes", failure)


def test_the_read_key_has_another_scope(smoked: Smoked) -> None:
    failure = smoked.failure(read_key=smoked.key)

    assert re.match(r"KPI before failed after .* The read API answers 403: .* --read-key takes", failure)


def test_the_read_key_has_another_environment(smoked: Smoked) -> None:
    failure = smoked.failure(environment="production")

    assert "This key reads the environment smoke only." in failure


def test_the_ingest_key_has_another_scope(smoked: Smoked) -> None:
    failure = smoked.failure(key=smoked.read_key)

    assert re.match(r"key failed after .* /api/ingest/recent/ answers 403: .* --key takes", failure)


def test_the_ingest_key_has_another_environment(smoked: Smoked) -> None:
    key = make_key("ingest", data_dir=smoked.portal.data_dir, port=smoked.portal.port, environment="staging")

    failure = smoked.failure(key=key)

    assert re.match(
        r"key failed after \d\.\d s\. The ingest key is of the environment staging, and smoke", failure
    )
    assert smoked.smoke_test(environment="staging").count_events() == 0


def test_posts_are_refused_for_maintenance(smoked: Smoked) -> None:
    (smoked.portal.data_dir / "maintenance").touch()
    try:
        failure = smoked.failure()
    finally:
        (smoked.portal.data_dir / "maintenance").unlink()

    assert re.match(r"post failed after .* The post is answered 503: The portal is being maintained", failure)


def test_nothing_takes_the_event_off_the_queue(smoked: Smoked) -> None:
    with frozen(smoked.portal.state()["scheduler"]["pid"]):
        failure = smoked.failure(timeout_seconds=1.0, session_id="smoke-2")

    assert re.match(r"series failed after .* stays \d.*look at portal_arrivals_pending", failure)


def test_the_kpi_does_not_move(smoked: Smoked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fold and rollup are one task here, so the answer of the read API stands still instead."""
    monkeypatch.setattr(SmokeTest, "count_messages", lambda test: 7)

    failure = smoked.failure(timeout_seconds=5.0, session_id="smoke-3")

    assert re.match(r"KPI failed after .* stays at 7 messages.*look at portal_rollup_lag_seconds", failure)
