"""A portal, Prometheus, Alertmanager and a stand-in for Slack, each a real process of this machine.

Rules and routes are those of deploy/, with this machine's addresses and at a pace of their own (pace.py).
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.breach.pace import (
    PRODUCTION,
    Pace,
    duration_text,
    hasty_routes,
    hasty_thresholds,
    rule_files,
)
from benchmarks.breach.portal import Portal
from benchmarks.servers import ROOT, START_SECONDS, environment, free_port, running
from tests.services import ALERTMANAGER, program
from tests.webhooks import Chat, webhook

ROUTES = ROOT / "deploy" / "alertmanager"
THRESHOLDS = ROOT / "metrics" / "thresholds.yaml"
# The addresses and paths in the deployed alertmanager.yaml.
PORTAL_URL, SLACK_FILE, KEY_FILE = (
    "http://web:8000",
    "/run/secrets/slack_webhook_url",
    "/run/secrets/portal_alerts_key",
)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What runs. `chat` is what Slack was posted."""

    portal: Portal
    chat: Chat
    alertmanager_port: int
    prometheus_port: int

    def is_in_chat(self, *summaries: str, is_firing: bool) -> bool:
        """Whether Slack was told that it fires, or as the last thing that it is over."""
        colours = [
            attachment["color"]
            for attachment in self.told()
            if any(summary in attachment["title"] for summary in summaries)
        ]
        return bool(colours) and (colours[-1] != "good") is is_firing

    def told(self) -> list[dict[str, str]]:
        """What Slack was told, the oldest first."""
        return [attachment for post in self.chat.posts for attachment in post.get("attachments", [])]

    def is_on_page(self, *summaries: str) -> bool:
        """Whether the page of alerts says that it fires, as Alertmanager reported it."""
        firing, _, _ = self.portal.page("/alerts/").partition('id="recent"')
        entries = firing.split("<li>")
        return any(
            "from Alertmanager" in entry and any(summary in entry for summary in summaries)
            for entry in entries
        )

    def held_back(self) -> set[str]:
        """The names of the alerts that fire and are held back by another one."""
        alerts = answer_of(f"http://127.0.0.1:{self.alertmanager_port}/api/v2/alerts")
        return {alert["labels"]["alertname"] for alert in alerts if alert["status"]["inhibitedBy"]}

    def recorded(self, selector: str) -> dict[tuple[str, str], float]:
        """The newest values of Prometheus by objective and environment."""
        query = urllib.parse.urlencode({"query": selector})
        answer = answer_of(f"http://127.0.0.1:{self.prometheus_port}/api/v1/query?{query}")
        return {
            (series["metric"].get("objective", ""), series["metric"].get("environment", "")): float(
                series["value"][1]
            )
            for series in answer["data"]["result"]
        }


def answer_of(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def seconds_until(condition: Callable[[], bool], *, at_most: float) -> float:
    """How long it takes. Raises TimeoutError."""
    began_at = time.monotonic()
    while not condition():
        if time.monotonic() - began_at > at_most:
            raise TimeoutError(f"did not happen within {at_most:g} s")
        time.sleep(0.25)
    return time.monotonic() - began_at


def is_ready(port: int) -> bool:
    """It listens before it answers: first it reads what it stored."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def running_stack(folder: Path, *, pace: Pace = PRODUCTION) -> Iterator[Stack]:
    """All of it, empty; everything is ended afterwards."""
    with ExitStack() as stack:
        chat = stack.enter_context(webhook())
        data_dir, port = folder / "portal", free_port()
        data_dir.mkdir(mode=0o700)
        thresholds = folder / "thresholds.yaml"
        thresholds.write_text(hasty_thresholds(THRESHOLDS.read_text(encoding="utf-8"), pace=pace))
        variables = environment(
            data_dir=str(data_dir), port=port, WEB_WORKERS="1", THRESHOLDS=str(thresholds)
        )
        command = [sys.executable, "manage.py", "portal"]
        stack.enter_context(running(command, variables, port=port))
        made = prepare(variables)
        alertmanager = stack.enter_context(
            running_alertmanager(folder, portal_port=port, chat=chat, key=made["alerts"], pace=pace)
        )
        prometheus = stack.enter_context(
            running_prometheus(folder, portal_port=port, alertmanager_port=alertmanager, pace=pace)
        )
        portal = Portal(
            port=port,
            data_dir=data_dir,
            variables=variables,
            ingest_key=made["ingest"],
            read_key=made["read"],
            cookie=made["cookie"],
        )
        yield Stack(portal=portal, chat=chat, alertmanager_port=alertmanager, prometheus_port=prometheus)


def prepare(variables: dict[str, str]) -> dict[str, str]:
    command = [sys.executable, "-m", "benchmarks.breach.prepare"]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True)
    made: dict[str, str] = json.loads(done.stdout)
    return made


@contextmanager
def running_alertmanager(
    folder: Path, *, portal_port: int, chat: Chat, key: str, pace: Pace = PRODUCTION
) -> Iterator[int]:
    """Its port."""
    own, port = folder / "alertmanager", free_port()
    own.mkdir()
    (own / "slack").write_text(chat.url)
    (own / "key").write_text(key)
    shutil.copytree(ROUTES / "templates", own / "templates")
    text = hasty_routes((ROUTES / "alertmanager.yaml").read_text(encoding="utf-8"), factor=pace.factor)
    for old, new in (
        (PORTAL_URL, f"http://127.0.0.1:{portal_port}"),
        (SLACK_FILE, str(own / "slack")),
        (KEY_FILE, str(own / "key")),
    ):
        if old not in text:
            raise ValueError(f"alertmanager.yaml does not have {old}")
        text = text.replace(old, new)
    (own / "alertmanager.yaml").write_text(text)
    command = [
        program(ALERTMANAGER),
        f"--config.file={own}/alertmanager.yaml",
        f"--storage.path={own}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=error",
    ]
    with running(command, dict(os.environ), port=port):
        seconds_until(lambda: is_ready(port), at_most=START_SECONDS)
        yield port


@contextmanager
def running_prometheus(
    folder: Path, *, portal_port: int, alertmanager_port: int, pace: Pace
) -> Iterator[int]:
    """Its port."""
    own, port = folder / "prometheus", free_port()
    (own / "rules").mkdir(parents=True)
    for name, content in rule_files(pace).items():
        (own / "rules" / name).write_text(yaml.safe_dump(content))
    interval = duration_text(pace.scrape_seconds)
    settings = {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "evaluation_interval": interval,
        },
        "rule_files": ["rules/*.yaml"],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager_port}"]}]}]
        },
        "scrape_configs": [
            {"job_name": "portal", "static_configs": [{"targets": [f"127.0.0.1:{portal_port}"]}]}
        ],
    }
    (own / "prometheus.yaml").write_text(yaml.safe_dump(settings))
    command = [
        program(("prometheus",)),
        f"--config.file={own}/prometheus.yaml",
        f"--storage.tsdb.path={own}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with running(command, dict(os.environ), port=port):
        seconds_until(lambda: is_ready(port), at_most=START_SECONDS)
        yield port
