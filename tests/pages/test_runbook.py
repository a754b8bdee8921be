import re

import pytest
from django.test import Client

from tests.metrics.rules.test_alerts import ALERTS
from web.runbooks import read_runbook, to_html

PARTS = ("Meaning.", "First look.", "Likely causes.", "Mending.", "Silencing.")


def alert_names() -> set[str]:
    return {rule["alert"] for rule in ALERTS.values()}


def test_every_alert_has_a_section_and_every_section_an_alert() -> None:
    titles = [section.title for section in read_runbook("alerts")]

    assert sorted(titles) == sorted(alert_names())


def test_every_section_says_what_it_means_what_to_do_and_how_to_silence_it() -> None:
    for section in read_runbook("alerts"):
        assert tuple(re.findall(r"<p><strong>(.*?)</strong>", section.body)) == PARTS, section.title


def test_every_alert_links_to_its_section() -> None:
    anchors = {section.title: section.anchor for section in read_runbook("alerts")}

    for rule in ALERTS.values():
        assert rule["annotations"]["runbook_url"].partition("/runbooks/alerts/#")[2] == anchors[rule["alert"]]


@pytest.mark.parametrize("name", ["alerts", "health"])
def test_the_page_has_every_section_and_its_links_lead_somewhere(reader: Client, name: str) -> None:
    page = reader.get(f"/runbooks/{name}/").content.decode()

    ids = set(re.findall(r'<section [^>]*id="([\w-]+)"', page))
    assert ids == {section.anchor for section in read_runbook(name)}
    assert set(re.findall(r'href="#([\w-]+)"', page)) == ids | {"content"}
    elsewhere = set(re.findall(r'href="\.\./([\w-]+)/#([\w-]+)"', page))
    assert elsewhere <= {
        (other, section.anchor) for other in ("alerts", "health") for section in read_runbook(other)
    }
    assert bool(elsewhere) == (name == "alerts")


@pytest.mark.parametrize("name", ["nothing", "README", "health-md"])
def test_there_is_no_other_runbook(reader: Client, name: str) -> None:
    assert reader.get(f"/runbooks/{name}/").status_code == 404


def test_html_in_a_runbook_stays_text() -> None:
    assert "<script" not in to_html("<script>alert(1)</script> [x](javascript:alert(1))")
