"""The admin under its content policy: nothing that its pages do is stopped, and nothing else runs."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from kpis.compute.rollup import bring_up_to_date
from telemetry import tasks
from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.intake.ingest import ingest_events
from telemetry.keys import change_key
from telemetry.models import RejectionGroup
from tests.browser.conftest import Portal, Visit, open_tab
from tests.builders import make_key
from tests.rows import BUILDERS
from tests.telemetry.posts import event, raw
from workbench.fold import pending
from workbench.models import Session

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MODELS = list(admin.site._registry)
# Keys and invitations are revoked, the first groups are roles, and sessions begin by signing in.
CLOSED = (
    ("apikey", "delete"),
    ("invitation", "delete"),
    ("maintenancewindow", "delete"),
    ("group", "delete"),
    ("erasure", "delete"),
    ("usersession", "add"),
)


@pytest.fixture
def visit(live_server: LiveServer, browser: Browser) -> Iterator[Visit]:
    """A tab of a superuser."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    portal = Portal(origin=live_server.url, session=client.cookies["sessionid"].value)
    visit = open_tab(browser, portal=portal)
    yield visit
    visit.page.context.close()


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def pages_of(visit: Visit, model: type[Model]) -> list[str]:
    """Of a row, and of a new one and a removed one where people may make them."""
    row = (
        visit.page.locator(f"a[href^='{list_of(model)}'][href*='/change/']").first.get_attribute("href") or ""
    )
    if isinstance(admin.site._registry[model], ReadOnlyModelAdmin):
        return [row]
    return [row, row.replace("/change/", "/delete/"), f"{list_of(model)}add/"]


def test_every_page_loads_without_a_fault(visit: Visit) -> None:
    for model in MODELS:
        BUILDERS[model](1)
    visit.goto(reverse("admin:index"))

    for model in MODELS:
        visit.goto(list_of(model))
        for path in pages_of(visit, model):
            # Some rows are never added or removed: that page says so with a 403, which a browser notes.
            if not any(name in path and page in path for name, page in CLOSED):
                visit.goto(path)

    assert visit.faults == []


def test_a_row_is_added_found_changed_and_deleted(visit: Visit) -> None:
    page = visit.goto(reverse("admin:auth_group_add"))
    page.locator("input[name=name]").fill("readers")
    page.locator("[name=_save]").first.click()
    page.goto(f"{visit.origin}{reverse('admin:auth_group_changelist')}?q=read")
    page.locator("a[href*='/change/']").first.click()
    page.locator("input[name=name]").fill("writers")
    page.locator("[name=_save]").first.click()
    page.get_by_role("link", name="writers").first.click()
    page.goto(page.url.partition("/change/")[0] + "/delete/")
    page.locator("form [type=submit]").last.click()
    page.wait_for_url("**/admin/auth/group/")

    assert page.get_by_role("link", name="writers").count() == 0
    assert visit.faults == []


def test_maintenance_is_switched_on_and_ended(visit: Visit) -> None:
    page = visit.goto(reverse("admin:telemetry_maintenancewindow_add"))
    page.locator("input[name=message]").fill("We move to a larger disk.")
    page.locator("[name=_save]").first.click()
    page.wait_for_url("**/maintenancewindow/")
    banners = [page.get_by_role("status").inner_text()]
    banners.append(visit.goto("/").get_by_role("status").inner_text())
    visit.goto(reverse("admin:telemetry_maintenancewindow_changelist"))

    page.locator("input[name=_selected_action]").first.check()
    page.locator("select[name=action]").select_option("end_selected")
    page.locator("button[name=index]:visible, [type=submit][name=index]:visible").first.click()
    page.get_by_text("Ended 1 of the selected windows").wait_for()

    assert ["We move to a larger disk." in banner for banner in banners] == [True, True]
    assert page.get_by_text("Events are not taken").count() == 0
    assert visit.faults == []


def test_the_shortcut_for_today_fills_a_date(visit: Visit) -> None:
    page = visit.goto(reverse("admin:kpis_target_add"))

    page.locator("a[id^=calendarlink]:visible").first.click()
    page.locator(".calendarbox a:visible", has_text="Today").click()

    assert page.locator("input[name=effective_from]").input_value() != ""
    assert visit.faults == []


def test_a_theme_is_chosen_and_kept(visit: Visit) -> None:
    page = visit.goto(reverse("admin:index"))

    page.keyboard.press("Control+e")
    page.keyboard.press("Control+e")
    page.reload()
    page.wait_for_selector("html.dark", state="attached")

    assert visit.faults == []


@pytest.mark.parametrize(
    "put_in",
    [
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))",
        "document.body.insertAdjacentHTML('beforeend', '<img src=x: onerror=\"window.ran = 1\">')",
    ],
)
def test_a_script_that_is_put_into_a_page_does_not_run(visit: Visit, put_in: str) -> None:
    page = visit.goto(reverse("admin:index"))

    page.evaluate(put_in)
    page.wait_for_timeout(200)

    assert page.evaluate("window.ran === undefined")
    assert any("Content Security Policy" in fault for fault in visit.faults)


def test_a_key_is_rotated_by_its_button(visit: Visit) -> None:
    key = make_key()
    page = visit.goto(reverse("admin:telemetry_apikey_change", args=[key.pk]))
    page.get_by_role("link", name="Rotate").first.click()
    page.locator("input[name=amount]").fill("12")
    page.locator("select[name=unit]").select_option("hours")
    page.get_by_role("button", name="Rotate").click()
    page.wait_for_url(lambda url: f"/{key.pk}/" not in url)

    assert page.get_by_text("Copy it now").is_visible()
    key.refresh_from_db()
    assert key.successor is not None
    assert visit.faults == []


def test_a_session_is_erased_from_the_form_to_the_receipt(visit: Visit) -> None:
    at = timezone.now() - timedelta(minutes=1)
    documents = [
        raw(event("workbench.session_started", at=at, session_id=session, userId="jo"))
        for session in ("s-gone", "s-stays")
    ]
    ingest_events(documents, key=make_key(), now=at)
    bring_up_to_date(now=at)
    row = Session.objects.get(session_id="s-gone")
    page = visit.goto(reverse("admin:telemetry_erasure_add"))
    page.get_by_label("Session").check()
    page.locator("input[name=subject]").fill("s-gone")
    page.locator("[name=_save]").first.click()
    page.get_by_text("Nothing is erased yet.").wait_for()
    assert visit.goto(reverse("admin:workbench_session_change", args=[row.pk])).get_by_text("s-gone").count()

    page.go_back()
    page.get_by_role("button", name="Erase now").click()
    page.get_by_role("heading", name="Receipt").wait_for()

    assert page.get_by_text("s-gone").count() == 0
    visit.goto(reverse("admin:workbench_session_change", args=[row.pk]))
    assert page.url.endswith("/admin/")
    found = visit.goto(f"{list_of(Session)}?q=s-gone").locator("a[href*='/session/'][href*='/change/']")
    assert found.count() == 0
    stays = visit.goto(list_of(Session)).locator("a[href*='/session/'][href*='/change/']")
    assert stays.count() == 1
    assert visit.faults == []


def test_a_group_is_replayed_after_a_question(visit: Visit) -> None:
    key = make_key(allowed_events=["agent.*"])
    at = timezone.now() - timedelta(minutes=1)
    ingest_events([raw(event(at=at))], key=key, now=at)
    change_key(key=key, allowed_events=[], notes="")
    pending.fold_pending(now=at)
    page = visit.goto(list_of(RejectionGroup))
    page.locator("input[name=_selected_action]").check()
    page.locator("select[name=action]").select_option("replay_groups")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Replay").click()
    page.wait_for_url("**/quarantinejob/*/change/")
    tasks.work_on_quarantine()
    page.reload()

    assert page.get_by_text("1 accepted, 0 duplicates").is_visible()
    assert visit.faults == []
