"""The JavaScript package: its own tests, its size, what it is published with, and its documentation."""

import base64
import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import BrowserContext

from tests.clients.conftest import NPM, PACKAGE, ScriptedPortal, wait_until

IMPORTS = """
import { createTelemetry } from "@workbench-analytics/client";
import { flushOnExit } from "@workbench-analytics/client/node";
import { withRun } from "@workbench-analytics/client/runs";
console.log(typeof createTelemetry, typeof flushOnExit, typeof withRun);
"""
RUN = [
    "workbench.workflow_run_started",
    *["agent.run_started"] * 2,
    "agent.run_completed",
    "agent.model_called",
    "agent.run_completed",
    "workbench.workflow_run_completed",
]
GUIDE = Path(__file__).parents[2] / "docs" / "clients-javascript.md"


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def examples(language: str) -> list[str]:
    """The guide's examples in a language."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return found


def test_its_own_tests_pass(package: Path) -> None:
    names = sorted(path.name for path in (package / "test").glob("*.test.mjs"))
    assert "faults.test.mjs" in names
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", *(f"test/{name}" for name in names)],
        cwd=package,
        capture_output=True,
        text=True,
        timeout=180,
    )
    failures = re.findall(r"^ *not ok .*?^ *\.\.\.$", done.stdout, re.DOTALL | re.MULTILINE)
    assert (done.returncode, failures) == (0, []), "\n".join(failures)


def test_classic_build_is_at_most_4_kib_compressed(package: Path) -> None:
    assert "limit 4096 (gzip)" in run("node", "scripts/size.mjs", cwd=package)


def test_is_published_with_its_builds_and_types(package: Path) -> None:
    assert NPM is not None
    [packed] = json.loads(run(NPM, "pack", "--dry-run", "--json", "--ignore-scripts", cwd=package))
    assert {file["path"] for file in packed["files"]} == {
        "README.md",
        "package.json",
        "dist/events.generated.d.ts",
        "dist/index.d.ts",
        "dist/index.js",
        "dist/node.d.ts",
        "dist/node.js",
        "dist/runs.d.ts",
        "dist/runs.js",
        "dist/telemetry.min.js",
        "dist/types.d.ts",
    }


def test_guides_commands_install_the_package_in_an_application(package: Path, tmp_path: Path) -> None:
    install, publish = (block.splitlines() for block in examples("sh")[:2])
    assert [line.split()[:2] for line in install + publish] == [
        ["npm", "ci"],
        ["npm", "pack"],
        ["npm", "install"],
        ["npm", "publish"],
        ["npm", "install"],
    ]
    (tmp_path / "package.json").write_text("{}")

    # What is built already is packed as it is.
    run(*install[1].replace("/tmp", str(tmp_path)).split(), "--ignore-scripts", cwd=package)
    run(*install[2].replace("/tmp", str(tmp_path)).split(), "--offline", "--no-audit", cwd=tmp_path)

    said = run("node", "--input-type=module", "--eval", IMPORTS, cwd=tmp_path)
    assert said == "function function function\n"


def test_guides_commands_publish_the_package_to_a_registry_and_install_it_from_there(
    package: Path, tmp_path: Path
) -> None:
    publish, install = examples("sh")[1].splitlines()
    application = tmp_path / "application"
    application.mkdir()
    (application / "package.json").write_text("{}")
    with running_registry() as registry:
        (tmp_path / "npmrc").write_text(f"//{registry.removeprefix('http://')}/:_authToken=token\n")
        user = f"--userconfig={tmp_path / 'npmrc'}"
        cache = f"--cache={tmp_path / 'cache'}"

        here = [user, cache, "--no-audit"]
        run(*publish.replace("https://npm.example", registry).split(), *here, "--ignore-scripts", cwd=package)
        run(*install.replace("https://npm.example", registry).split(), *here, cwd=application)

    said = run("node", "--input-type=module", "--eval", IMPORTS, cwd=application)
    assert said == "function function function\n"


def test_needs_no_other_package_to_run() -> None:
    manifest = json.loads((PACKAGE / "package.json").read_text())
    assert {"dependencies", "peerDependencies", "optionalDependencies"}.isdisjoint(manifest)
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in manifest["devDependencies"].values())


def test_lock_file_names_no_host() -> None:
    lock = json.loads((PACKAGE / "package-lock.json").read_text())
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []


@pytest.mark.parametrize(
    ("source", "names"),
    list(zip(examples("js"), [["workflow.created"], ["workflow.created"], RUN], strict=True)),
    ids=["shutdown", "flushOnExit", "withRun"],
)
def test_guides_examples_for_node_work(
    package: Path, scripted_portal: ScriptedPortal, source: str, names: list[str]
) -> None:
    source = source.replace("https://portal.example", scripted_portal.url)
    # The package by its name, as whoever installed it imports it.
    assert 'from "@workbench-analytics/client"' in source
    run("node", "--input-type=module", "--eval", source, cwd=package)
    assert [event["event"] for event in scripted_portal.stored] == names


@pytest.mark.browser
def test_guides_example_for_a_page_works(
    package: Path, scripted_portal: ScriptedPortal, profile: BrowserContext
) -> None:
    [source] = examples("html")
    source = source.replace("https://portal.example", scripted_portal.url)
    page = profile.new_page()
    page.route("**/guide.html", lambda route: route.fulfill(body=source, content_type="text/html"))
    page.route("**/telemetry.min.js", serve(package / "dist" / "telemetry.min.js"))
    page.goto(f"{scripted_portal.url}/guide.html")
    page.get_by_role("button").click()
    wait_until(lambda: len(scripted_portal.stored) == 2)
    names = [event["event"] for event in scripted_portal.stored]
    assert names == ["workbench.session_started", "workbench.draft_created"]


def serve(path: Path) -> Callable[..., None]:
    return lambda route: route.fulfill(path=path, content_type="text/javascript")


class Registry(BaseHTTPRequestHandler):
    """As much of an npm registry as one publication needs: what is put is what is given."""

    server: "RunningRegistry"

    def do_PUT(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.found[unquote(self.path)] = json.dumps(document).encode()
        for name, file in document["_attachments"].items():
            self.server.found[f"/{document['name']}/-/{name}"] = base64.b64decode(file["data"])
        self.answer(201, b"{}")

    def do_GET(self) -> None:
        body = self.server.found.get(unquote(self.path))
        self.answer(404 if body is None else 200, body or b"{}")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class RunningRegistry(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Registry)
        self.found: dict[str, bytes] = {}


@contextmanager
def running_registry() -> Iterator[str]:
    """The address of an empty registry."""
    registry = RunningRegistry()
    thread = threading.Thread(target=registry.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{registry.server_address[1]}"
    finally:
        registry.shutdown()
        registry.server_close()
        thread.join()
