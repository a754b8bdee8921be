import json
import re
from pathlib import Path

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families as parse_text
from pytest_django import Settings

from metrics.collector import snapshots
from telemetry.counters.families import FAMILIES

ROW = re.compile(r"^\| `([a-z_]+)` \| (counter|histogram|gauge) \| (.*?) \|")
DOCS = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def documented() -> dict[str, tuple[str, set[str]]]:
    """(type, labels) by family, as the tables of docs/metrics.md have them."""
    rows = [ROW.match(line) for line in DOCS.read_text().splitlines()]
    return {row[1]: (row[2], set(re.findall(r"`(\w+)`", row[3]))) for row in rows if row}


@pytest.fixture
def scraped(client: Client, settings: Settings, tmp_path: Path) -> dict[str, str]:
    """Types by family of a scrape, but for those that libraries bring."""
    state = {"up": True, "restarts": 0, "backoff_seconds": 0, "pid": 1}
    (tmp_path / "supervisor.json").write_text(json.dumps({"web": state}))
    settings.DATA_DIR = tmp_path
    snapshots.forget()
    families = parse_text(client.get("/metrics").content.decode())
    return {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in families
        if not family.name.startswith(("django_", "process_", "python_"))
    }


def test_every_family_of_a_scrape_is_documented_and_no_other(
    scraped: dict[str, str], documented: dict[str, tuple[str, set[str]]]
) -> None:
    assert {name: kind for name, (kind, _) in documented.items()} == scraped


def test_labels_are_documented(documented: dict[str, tuple[str, set[str]]]) -> None:
    shown = {name: family for name, family in FAMILIES.items() if not family.is_internal}

    assert {name: documented[name][1] for name in shown} == {
        name: {"environment", *family.labels} for name, family in shown.items()
    }
