"""The JavaScript package: its own tests, its size, what it is published with, and its documentation."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.clients.conftest import NPM, PACKAGE, ScriptedPortal, wait_until

GUIDE = Path(__file__).parents[2] / "docs" / "clients-javascript.md"


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def example(language: str) -> str:
    """The guide's first example in a language."""
    found = re.search(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


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
        "dist/telemetry.min.js",
        "dist/types.d.ts",
    }


def test_needs_no_other_package_to_run() -> None:
    manifest = json.loads((PACKAGE / "package.json").read_text())
    assert {"dependencies", "peerDependencies", "optionalDependencies"}.isdisjoint(manifest)
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in manifest["devDependencies"].values())


def test_lock_file_names_no_host() -> None:
    lock = json.loads((PACKAGE / "package-lock.json").read_text())
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []


def test_guides_example_for_node_works(package: Path, scripted_portal: ScriptedPortal) -> None:
    source = example("js").replace("https://portal.example", scripted_portal.url)
    # The package by its name, as whoever installed it imports it.
    assert 'from "@workbench-analytics/client"' in source
    run("node", "--input-type=module", "--eval", source, cwd=package)
    assert [event["event"] for event in scripted_portal.stored] == ["workflow.created"]


@pytest.mark.browser
def test_guides_example_for_a_page_works(
    package: Path, scripted_portal: ScriptedPortal, profile: BrowserContext
) -> None:
    source = example("html").replace("https://portal.example", scripted_portal.url)
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
