"""The admin under its content policy: nothing that its pages do is stopped, and nothing else runs."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from telemetry.admin.big_tables import ReadOnlyModelAdmin
from tests.browser.conftest import Portal, Visit, open_tab
from tests.rows import BUILDERS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MODELS = list(admin.site._registry)


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
            # Keys are never removed: that page says so with a 403, which a browser notes.
            if "apikey" not in path or "delete" not in path:
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
    page.locator("a[href*='/change/']").first.click()
    page.goto(page.url.partition("/change/")[0] + "/delete/")
    page.locator("form [type=submit]").last.click()
    page.wait_for_url("**/admin/auth/group/")

    assert page.locator("a[href*='/change/']").count() == 0
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
