import re
from dataclasses import replace

import pytest
from django.test import Client
from playwright.sync_api import Browser

from pages.urls import urlpatterns
from people.models import Role
from tests.browser.conftest import Portal, Visit, open_tab
from tests.browser.looking import faults_of
from tests.people.builders import make_person

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

TIMES = "/kpis/time-to-create-workflow/"
PATHS = {
    "overview": "/",
    "KPI": f"{TIMES}?compare=1&breakdown=source",
    "KPI in dollars": "/kpis/execution-cost/?breakdown=workflow&compare=year",
    "KPI with an alert": "/kpis/approval-rate/",
    "what changed afterwards": "/kpis/approval-rate/changes/",
    "what did not count": "/kpis/workflow-success-rate/counted/?show=excluded",
    "annotation": "/annotations/add/",
    "shared links": "/shared-links/",
    "sharing": "/shared-links/add/?address=/",
    "objectives": "/slos/",
    "runbook": "/runbooks/alerts/",
    "alerts": "/alerts/",
    "agents": "/agents/?sort=-cost",
    "costs": "/costs/?by=agent",
    "costs by day": "/costs/?by=day",
    "funnel": "/funnel/?source=chat",
    "sessions that stopped": "/funnel/sessions/?step=draft_created",
    "runs": "/runs/",
    "no runs": "/runs/?workflow=none&not_status=failed",
    "run": "/runs/failed/",
    "run that goes on": "/runs/running/",
    "live": "/live/",
    "nothing live": "/live/?event=none",
    "plan": "/plan/",
    "event of the plan": "/plan/workbench.draft_created/",
    "rejected event": "/plan/rejected/{rejected}/",
    "session": "/sessions/s-1/",
    "draft": "/drafts/d-1/",
    "approval": "/approvals/ap-1/",
}
# They have tests of their own, or no page without a post.
ELSEWHERE = {
    "annotation", "retry-run", "arrange-overview", "shared-page", "embedded-chart", "revoke-shared-link",
}  # fmt: skip


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_fits_is_accessible_and_stands_still(visit: Visit, portal: Portal, axe: str, path: str) -> None:
    assert faults_of(visit, path.format(rejected=portal.rejected), axe=axe) == []


def test_the_paths_name_every_page() -> None:
    paths = [path.removeprefix("/").partition("?")[0].format(rejected=1) for path in PATHS.values()]
    unnamed = {
        pattern.name
        for pattern in urlpatterns
        if not any(re.fullmatch(pattern.pattern.regex, path) for path in paths)
    }

    assert unnamed == ELSEWHERE


@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: role or "without role")
def test_no_page_goes_wrong_for_any_role(portal: Portal, browser: Browser, role: Role | None) -> None:
    client = Client()
    client.force_login(make_person(f"a-{role}", role=role))
    visit = open_tab(browser, portal=replace(portal, session=client.cookies["sessionid"].value))

    wide = [path for path in PATHS.values() if is_wide(visit, path.format(rejected=portal.rejected))]
    visit.page.context.close()

    # A refused page is a fault to the browser, but no fault of the page.
    faults = [fault for fault in visit.faults if "the server responded with a status of 403" not in fault]
    assert (wide, faults) == ([], [])


def is_wide(visit: Visit, path: str) -> bool:
    visit.page.set_viewport_size({"width": 390, "height": 900})
    return bool(visit.goto(path).evaluate("document.documentElement.scrollWidth") > 390)
