import json
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families as parse_text
from pytest_django import Settings

from metrics.collector import snapshots
from metrics.families.catalogue import OWN_FAMILIES, shown_families
from metrics.families.tables import with_tables
from telemetry.counters.families import families
from telemetry.plan import get_plan

DOCS = django_settings.BASE_DIR / "docs" / "metrics.md"


@pytest.fixture
def scraped(client: Client, settings: Settings, tmp_path: Path) -> dict[str, str]:
    """Types by family of a scrape, but for those that libraries bring."""
    state = {"up": True, "restarts": 0, "backoff_seconds": 0, "pid": 1}
    (tmp_path / "supervisor.json").write_text(json.dumps({"web": state}))
    settings.DATA_DIR = tmp_path
    snapshots.forget()
    exposed = parse_text(client.get("/metrics").content.decode())
    return {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in exposed
        if not family.name.startswith(("django_", "process_", "python_"))
    }


@pytest.mark.django_db
def test_the_catalogue_has_every_family_of_a_scrape_and_no_other(scraped: dict[str, str]) -> None:
    assert {family.name: family.kind for family in shown_families(get_plan())} == scraped


def test_the_catalogue_has_the_labels_of_the_stored_families() -> None:
    catalogue = {family.name: set(family.labels) for family in shown_families(get_plan())}
    stored = [family for family in families().values() if not family.is_internal]

    assert {family.name: catalogue[family.name] for family in stored} == {
        family.name: {"environment", *family.labels} for family in stored
    }


def test_no_metric_of_the_plan_has_the_name_of_another_family() -> None:
    assert not {family.name for family in OWN_FAMILIES} & get_plan().metrics.keys()


def test_the_page_follows_from_the_plan() -> None:
    call_command("export_families", "--check")


def test_a_page_that_does_not_follow_is_told(settings: Settings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    page = tmp_path / "docs" / "metrics.md"
    page.parent.mkdir()
    page.write_text(DOCS.read_text(encoding="utf-8").replace("How long agent runs took.", "Long."))

    with pytest.raises(CommandError, match=r"metrics\.md does not follow"):
        call_command("export_families", "--check")
    call_command("export_families")

    assert page.read_text(encoding="utf-8") == DOCS.read_text(encoding="utf-8")


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table events"):
        with_tables("# Metrics\n", plan=get_plan())
