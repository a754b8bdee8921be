import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from telemetry.admin import plan as plan_admin
from telemetry.models import BridgeCounter, EventDay, PlanVersion
from telemetry.plan import TrackingPlan, get_plan
from telemetry.plan.history import record_load
from tests.rows import MOMENT, environment, plan_version, quarantined_event
from tests.telemetry.admin.reading import page_of
from tests.telemetry.plan.plans import COUNTED_BY_NAME, metered_shop, shop

pytestmark = pytest.mark.django_db

VERSIONS = "/admin/telemetry/planversion/"
IN_USE = f"{VERSIONS}in-use/"
COMPARE = f"{VERSIONS}compare/"
DEPRECATED = ("  shop.opened:\n", "  shop.opened:\n    deprecated: {until: 2026-12-31, instead: shop.lit}\n")


def text_of(page: str) -> str:
    """What people read of a page's main part, with single blanks."""
    main = page.partition('id="content"')[2]
    return " ".join(re.sub(r"<[^>]*>", " ", main).split())


def load(*edits: tuple[str, str], process: str = "web", machine: str = "a") -> PlanVersion:
    return record_load(plan=shop(*edits), process=process, machine=machine, now=MOMENT)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> TrackingPlan:
    """A small plan is the running one, with a deprecated event."""
    plan = metered_shop(DEPRECATED, *COUNTED_BY_NAME)
    monkeypatch.setattr(plan_admin, "get_plan", lambda: plan)
    return plan


def use_deprecated(*, source: str = "app-0") -> None:
    EventDay.objects.create(
        day=timezone.now().date(),
        environment="production",
        source=source,
        event="shop.opened",
        code="deprecated",
        events=1,
        first_at=MOMENT,
        last_at=MOMENT,
    )


def test_the_list_says_where_a_version_runs(admin_client: Client) -> None:
    load()
    load(("version: 1", "version: 2"), machine="b", process="worker")

    page = text_of(page_of(admin_client, VERSIONS))

    assert "web on a" in page
    assert "worker on b" in page


def test_the_running_plan_and_machines_with_another_one_are_shown(
    admin_client: Client, running: TrackingPlan
) -> None:
    record_load(plan=running, process="web", machine="here", now=MOMENT)
    load(machine="elsewhere")

    page = text_of(page_of(admin_client, IN_USE))

    assert "Version 1, hash" in page
    assert "2 events with 3 properties" in page
    assert page.count("another one than here") == 1


def test_events_that_never_came_are_named(admin_client: Client, running: TrackingPlan) -> None:
    labels = '["shop.item_sold","",""]'
    BridgeCounter.objects.create(
        family="workbench_events_total", environment="production", labels=labels, bin="", value=1
    )

    page = text_of(page_of(admin_client, IN_USE))

    assert "1 of 2, in all environments, since the portal counts. shop.opened" in page


def test_a_plan_that_does_not_count_its_events_says_so(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_admin, "get_plan", shop)

    assert "It is not known: no metric of the plan counts" in text_of(page_of(admin_client, IN_USE))


def test_a_deprecation_has_its_end_its_events_and_its_senders(
    admin_client: Client, running: TrackingPlan
) -> None:
    use_deprecated()

    page = text_of(page_of(admin_client, IN_USE))

    assert "shop.opened 2026-12-31 shop.lit 0 production/app-0: 1, last 2026-02-15 10:30" in page.replace(
        " (over)", ""
    )


def test_unknown_names_lead_to_the_quarantine(admin_client: Client, running: TrackingPlan) -> None:
    environment()
    quarantined_event(event="shop.opend", code="unknown_event")

    page = page_of(admin_client, f"{IN_USE}?environment=production")

    address = "/admin/telemetry/quarantinedevent/?environment=production&amp;code=unknown_event"
    assert f'href="{address}">shop.opend</a>' in page


def test_an_environment_that_there_is_not_shows_the_first_one(
    admin_client: Client, running: TrackingPlan
) -> None:
    environment("alpha")
    environment("beta")

    page = page_of(admin_client, f"{IN_USE}?environment=<script>")

    assert "in alpha" in text_of(page)
    assert "<script>&" not in page


@pytest.mark.parametrize("address", [IN_USE, COMPARE, VERSIONS])
def test_a_page_costs_the_same_however_much_there_is(
    address: str, admin_client: Client, running: TrackingPlan
) -> None:
    def queries() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as captured:
            page_of(admin_client, address)
        return len(captured)

    environment()
    for number in range(2):
        plan_version(number)
    few = queries()

    for number in range(30):
        load(("version: 1", f"version: {number + 5}"), machine=f"m-{number}")
        quarantined_event(number, code="unknown_event", event=f"shop.x{number}")
        use_deprecated(source=f"app-{number}")

    assert queries() == few <= 9


def test_two_versions_are_compared(admin_client: Client) -> None:
    old, new = load(), load(("maximum: 99.5", "maximum: 9"), ("[food, tool]", "[food, tool, book]"))

    there = text_of(page_of(admin_client, f"{COMPARE}?old={old.pk}&new={new.pk}"))
    back = text_of(page_of(admin_client, f"{COMPARE}?old={new.pk}&new={old.pk}"))

    assert "incompatible" in there
    assert "shop.item_sold.price: the maximum fell from 99.5 to 9." in there
    assert "shop.item_sold.kind value added book" in there
    assert "the value book was removed." in back


def test_without_a_choice_the_newest_two_are_compared(admin_client: Client) -> None:
    load()
    load(("maximum: 99.5", "maximum: 98.5"))
    load(("maximum: 99.5", "maximum: 100"))

    page = text_of(page_of(admin_client, COMPARE))

    assert "price maximum changed 98.5 100" in page
    assert "The second plan accepts all that the first one accepts." in page


def test_a_version_does_not_differ_from_itself(admin_client: Client) -> None:
    load()

    assert "They do not differ." in text_of(page_of(admin_client, COMPARE))


@pytest.mark.parametrize(
    "query", ["old=9999&new=1", "old=x", "new=<script>alert(1)</script>", "old=" + "9" * 40]
)
def test_a_version_that_there_is_not_is_a_fault_of_the_form(query: str, admin_client: Client) -> None:
    load()

    page = page_of(admin_client, f"{COMPARE}?{query}")

    assert "Select a valid choice" in page
    assert "<script>alert" not in page


def test_without_a_version_the_comparison_says_so(admin_client: Client) -> None:
    assert "No plan has been loaded yet." in page_of(admin_client, COMPARE)


def test_a_plan_of_an_earlier_release_cannot_be_compared(admin_client: Client) -> None:
    plan_version()

    assert "This release does not read one of them" in page_of(admin_client, COMPARE)


def test_texts_of_a_plan_are_escaped(admin_client: Client) -> None:
    load()
    new = load(("The shop opens.", "<script>alert(1)</script>"))

    for address in (COMPARE, f"{VERSIONS}{new.pk}/change/"):
        page = page_of(admin_client, address)
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page


def test_a_version_leads_to_its_differences_from_the_one_before(admin_client: Client) -> None:
    old, new = load(), load(("version: 1", "version: 2"))

    assert f"{COMPARE}?old={old.pk}&amp;new={new.pk}" in page_of(admin_client, f"{VERSIONS}{new.pk}/change/")
    assert "It is the first one." in page_of(admin_client, f"{VERSIONS}{old.pk}/change/")


@pytest.mark.parametrize("address", [IN_USE, COMPARE])
def test_people_without_the_permission_see_neither_page(address: str, client: Client) -> None:
    client.force_login(User.objects.create_user("jo", is_staff=True))

    assert client.get(address).status_code == 403


def test_the_real_plan_is_shown(admin_client: Client) -> None:
    assert f"{len(get_plan().events)} events" in text_of(page_of(admin_client, IN_USE))


def test_a_long_history_offers_its_newest_versions(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_admin, "OFFERED_VERSIONS", 2)
    for number in range(3):
        plan_version(number, first_loaded_at=MOMENT + timedelta(hours=number))

    page = page_of(admin_client, COMPARE)

    assert (page.count("<option"), "version 1 (" in page) == (4, False)
