"""OpenTelemetry's own exporter for Python posts as docs/spans.md says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from telemetry.door.protocols.otlp.dialects import ROLE_ATTRIBUTES, SOURCES
from telemetry.models import RawEvent
from tests.builders import make_secret

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

PAGE = (Path(__file__).parents[5] / "docs" / "spans.md").read_text(encoding="utf-8")
[EXAMPLE] = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("compression", ["none", "gzip", "deflate"])
def test_the_pages_example_is_stored(live_server: LiveServer, compression: str) -> None:
    code = EXAMPLE.replace("https://portal.example", live_server.url).replace("wb_ingest_KEY", make_secret())
    variables = {"OTEL_EXPORTER_OTLP_COMPRESSION": compression}

    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(RawEvent.objects.values_list("event", "session_id")) == [
        ("agent.run_completed", "s-1"),
        ("agent.run_started", "s-1"),
        ("workbench.workflow_run_completed", "s-1"),
        ("workbench.workflow_run_started", "s-1"),
    ]


def test_the_page_names_every_attribute_that_is_read() -> None:
    names = {name for group in SOURCES.values() for name in group} | set(ROLE_ATTRIBUTES)

    left_out = {name for name in names if name not in PAGE and f"`{name.rpartition('.')[2]}`" not in PAGE}

    assert left_out == set()
