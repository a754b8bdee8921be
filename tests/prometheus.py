"""A real Prometheus that scrapes a real portal."""

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.servers import free_port


class Prometheus:
    """Its HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str) -> Any:
        """The data of its answer. Raises AssertionError with what it says of a query that it does not take."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def vector(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """(labels, value) of each series that the expression has now."""
        result = self.get("query", query=expression)["result"]
        return [(series["metric"], float(series["value"][1])) for series in result]


@contextmanager
def running_prometheus(folder: Path, *, target: str, rules: Path | None = None) -> Iterator[Prometheus]:
    """Scrapes the target, and evaluates the rules of the directory, every second."""
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in hasty(rules, folder)] if rules else [],
        "scrape_configs": [{"job_name": "portal", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url)
        yield Prometheus(url)
    finally:
        process.terminate()
        process.wait(timeout=20)


def hasty(rules: Path, folder: Path) -> list[Path]:
    """Copies of the rule files whose groups are evaluated every second."""
    copies = []
    for path in sorted(rules.glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in content["groups"]:
            group["interval"] = "1s"
        copies.append(folder / f"rules-{path.name}")
        copies[-1].write_text(yaml.safe_dump(content))
    return copies


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        # It listens before it answers: first it reads what it stored.
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/-/ready", timeout=5):
            return
        time.sleep(0.1)
    raise AssertionError("Prometheus did not start.")
