"""Every example of docs/clients-python.md and of the package's README runs."""

import io
import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from django.core.management import call_command

from telemetry.plan import read_plan
from tests.clients.python.conftest import SOURCE

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "docs" / "clients-python.md", ROOT / "clients" / "python" / "README.md")
OUR_PLAN = """\
version: 1
events:
  orders.order_placed:
    description: An order is placed.
    emitted_when: The customer pays.
    required:
      orderId: {type: id, description: The order.}
"""
DJANGO = """
from django.conf import settings
settings.configure(
    DEBUG=True, WORKBENCH_URL={url!r}, WORKBENCH_KEY="wb_your_key",
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
)
import django
django.setup()
from django.test import RequestFactory
from yourapp.tasks import run_workflow
from yourapp.views import create_draft
from celery.signals import worker_process_shutdown
assert create_draft(RequestFactory().post("/")).status_code == 201
run_workflow("r-1", "d-1")
worker_process_shutdown.send(None)
"""


def examples(language):
    """(page and line, text) of each block of code in that language."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, found.start()) + 1
            yield pytest.param(textwrap.dedent(found[2]), id=f"{page.name}:{line}")


def names_a_file(example):
    return example.values[0].startswith("# yourapp/")


PROGRAMS = [example for example in examples("python") if not names_a_file(example)]
FILES = [example.values[0] for example in examples("python") if names_a_file(example)]
LINES = [line for example in examples("sh") for line in example.values[0].splitlines()]


@pytest.fixture
def folder(tmp_path):
    """Where the examples run: with a plan of another team, and its exported files."""
    (tmp_path / "ours.yaml").write_text(OUR_PLAN)
    call_command("export_clients", "--plan", tmp_path / "ours.yaml", "--output", tmp_path / "build/telemetry")
    return tmp_path


def run(program, folder):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{SOURCE}{os.pathsep}{folder}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_example_runs_and_its_events_arrive(program, portal, folder):
    tracked = len(
        re.findall(r"^ *(?:telemetry\.\w+\.\w+|telemetry\.track|\w+\.model_called)\(", program, re.MULTILINE)
    )
    # Each run and each agent tracks its start and its end.
    tracked += 2 * len(re.findall(r"with \w+\.(?:run|agent)\(", program))
    assert tracked > 0

    run(program.replace("https://portal.example.com", portal.url).replace("/var/lib", str(folder)), folder)

    assert sum(len(post["events"]) for post in portal.posts) == tracked
    assert len(portal.stored) == tracked - program.count("workbench.unknown")


def test_the_example_of_rejections_prints_them(portal, folder):
    [program] = [example.values[0] for example in PROGRAMS if "on_rejected(rejection" in example.values[0]]

    printed = run(program.replace("https://portal.example.com", portal.url), folder).stdout.splitlines()

    assert re.fullmatch(r"workbench\.unknown \w+ unknown_event event It is not known\.", printed[0])
    assert printed[1] == "Counts(tracked=1, accepted=0, duplicates=0, rejected=1, dropped=0, waiting=0)"


def test_the_django_and_celery_files_send_their_events(portal, folder):
    (folder / "yourapp").mkdir()
    for text in FILES:
        (folder / text.splitlines()[0].removeprefix("# ")).write_text(text)

    run(DJANGO.format(url=portal.url), folder)

    assert [event["event"] for event in portal.stored.values()] == [
        "workbench.draft_created",
        "workbench.workflow_run_started",
        "workbench.workflow_run_completed",
    ]


def test_the_commands_run(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(
        "telemetry.management.commands.check_plan.fetch_plan", lambda url, key: read_plan(Path("ours.yaml"))
    )
    commands = [shlex.split(line)[2:] for line in LINES if line.startswith("python manage.py ")]
    printed = io.StringIO()

    for command in commands:
        call_command(*command, stdout=printed)

    assert [command[0] for command in commands] == ["export_clients", "export_clients", "check_plan"]
    assert "files follow from the plan." in printed.getvalue()
    assert "The portal at https://portal.example.com takes all that it allows." in printed.getvalue()
    assert [line for line in LINES if not line.startswith("python manage.py ")] == [
        "pip install clients/python"
    ]
