import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands

from tests.run import setting_names

ROOT = Path(__file__).resolve().parent.parent.parent
ENDPOINT = "http://127.0.0.1:4318"
# In the public interface, but nothing reads them yet.
RESERVED = {"RETRY_WEBHOOK_URL"}


def names_read():
    text = (ROOT / "config" / "settings" / "__init__.py").read_text()
    return set(re.findall(r"""\benv\.\w+\(\s*"([A-Z_]+)\"""", text))


def names_documented():
    return set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))


def test_the_example_lists_every_setting_and_no_other():
    assert setting_names() == names_read() | RESERVED


def test_the_docs_explain_every_setting_and_no_other():
    assert names_documented() == names_read() | RESERVED


def test_the_docs_explain_every_check_and_no_other():
    sources = [path.read_text() for path in ROOT.glob("*/checks.py")]

    ids = {name for source in sources for name in re.findall(r'id="(\w+\.[EW]\d+)"', source)}

    documented = re.findall(r"^\| `(\w+\.[EW]\d+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.M)
    assert documented == sorted(ids)


def test_the_docs_explain_every_command_and_no_other():
    own_apps = {config.name for config in apps.get_app_configs() if Path(config.path).parent == ROOT}

    commands = {name for name, app in get_commands().items() if app in own_apps}

    documented = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "commands.md").read_text(), re.M)
    assert sorted(documented) == sorted(commands)


def in_a_process_of_its_own(code, **environment):
    """What the code prints with these settings and no others."""
    own = {name: value for name, value in os.environ.items() if name not in setting_names()}
    command = [sys.executable, "-c", f"from config import settings; {code}"]
    return subprocess.run(
        command, cwd=ROOT, env=own | environment, capture_output=True, text=True, check=False
    )


def test_the_generated_secret_stays_the_same_and_is_its_owners_alone(tmp_path):
    first, second = (
        in_a_process_of_its_own("print(settings.SECRET_KEY)", DATA_DIR=str(tmp_path)).stdout for _ in range(2)
    )

    assert first == second
    assert len(first.strip()) >= 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_a_given_secret_is_not_kept(tmp_path):
    printed = in_a_process_of_its_own(
        "print(settings.SECRET_KEY)", DATA_DIR=str(tmp_path), SECRET_KEY="x" * 40
    )

    assert printed.stdout.strip() == "x" * 40
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "eager", "broker"),
    [({}, "True", "memory://"), ({"REDIS_URL": "redis://host/0"}, "False", "redis://host/0")],
)
def test_without_a_broker_tasks_run_where_they_are_called(tmp_path, environment, eager, broker):
    code = "print(settings.CELERY_TASK_ALWAYS_EAGER, settings.CELERY_BROKER_URL)"
    printed = in_a_process_of_its_own(code, DATA_DIR=str(tmp_path), **environment)

    assert printed.stdout.split() == [eager, broker]


def test_an_unknown_zone_is_refused(tmp_path):
    process = in_a_process_of_its_own("", DATA_DIR=str(tmp_path), REPORTING_TIME_ZONE="Mars/Olympus")

    assert "REPORTING_TIME_ZONE is 'Mars/Olympus'; it takes a zone" in process.stderr


IMPORTED = "import config.rsgi, config.celery, redis, sys; print('opentelemetry.sdk.trace' in sys.modules)"


@pytest.mark.parametrize(
    ("environment", "is_traced"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_only_an_endpoint_switches_tracing_on(tmp_path, environment, is_traced):
    code = f"{IMPORTED}; print(settings.MIDDLEWARE[0])"
    printed = in_a_process_of_its_own(code, DATA_DIR=str(tmp_path), **environment).stdout.split()

    assert printed[0] == str(is_traced)
    assert (printed[1] == "web.tracing.server.TracingMiddleware") is is_traced


def test_without_tracing_nothing_of_it_is_imported(tmp_path):
    """Neither by the portal nor by its libraries: they would spend time and memory of every process on it."""
    code = """
import config.rsgi, config.celery, config.urls, redis, sys
config.celery.app.loader.import_default_modules()
print([name for name, module in sys.modules.items() if name.startswith("opentelemetry") and module])
"""
    process = in_a_process_of_its_own(code, DATA_DIR=str(tmp_path))

    assert process.stdout.strip() == "[]"
