import re

import pytest

from config.health.report import CHECKS
from web.runbooks import read_runbook


def test_every_line_has_a_section_and_every_section_a_line():
    assert [section.title for section in read_runbook("health")] == [check.title for check in CHECKS]


def test_names_and_titles_are_used_once():
    assert len({check.name for check in CHECKS}) == len({check.title for check in CHECKS}) == len(CHECKS)


@pytest.mark.django_db
def test_the_admin_shows_every_section_and_its_links_lead_somewhere(admin_client):
    page = admin_client.get("/admin/runbooks/health/").content.decode()

    ids = set(re.findall(r'<section id="([\w-]+)"', page))

    assert ids == {section.anchor for section in read_runbook("health")}
    assert set(re.findall(r'href="#([\w-]+)"', page)) == ids
