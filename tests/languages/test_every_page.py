"""Every page in a pseudo-language, with the demo's data: whatever it shows went through a catalogue, or is data."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db.models import CharField, EmailField, JSONField, TextField
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from digests.forms import zone_label, zone_names
from kpis.demo.loading import load_demo
from kpis.models import Annotation
from kpis.registry import DEFINITIONS
from pages.urls import urlpatterns
from sharing.models import SharedPage, ShareKind
from telemetry.models import QuarantinedEvent
from telemetry.plan import get_plan
from tests import rows
from tests.alerts.builders import make_alert
from tests.languages.pseudo import forgotten, pseudo_language
from tests.sharing.builders import make_link, make_place
from workbench.models import ApprovalRequest, Draft, Session, WorkflowRun

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite"),
    pytest.mark.usefixtures("clock"),
]

GERMAN = {"Accept-Language": "de"}
# Names that are the same in every language.
NAMES = {"Workbench analytics", "English", "Deutsch", "UTC", "p50", "p90", "p95", "p99"}
ACCOUNT_PAGES = ("", "password/", "second-factor/", "sessions/", "digest/", "digest/preview/")
# Names of parameters, which stand before what is wrong with them.
PARAMETERS = {"key", "longer", "from", "to", "range"}


def data_words() -> set[str]:
    """Whatever is stored or planned: names, ids, texts that people wrote."""
    found = NAMES | PARAMETERS | {zone_label(name) for name in zone_names()}
    for model in apps.get_models():
        fields = [
            field.name
            for field in model._meta.concrete_fields
            if isinstance(field, CharField | TextField | EmailField | JSONField)
        ]
        for row in model._default_manager.values_list(*fields)[:3000] if fields else []:
            found.update(strings_in(list(row)))
    for event in get_plan().events.values():
        found |= {
            event.name,
            event.description,
            event.emitted_when,
            event.name.partition(".")[2].replace("_", " "),
        }
        found |= {text for part in event.properties for text in (part.name, part.description, *part.values)}
    return {" ".join(text.split()) for text in found}


def strings_in(value: object) -> Iterator[str]:
    """Of a stored value, however deep: names and values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in (*value, *value.values()):
            yield from strings_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from strings_in(part)


DEMO = "?environment=demo"


def addresses() -> Iterator[str]:
    yield from ("/", f"/{DEMO}&range=quarter&compare=year", f"/{DEMO}&range=7d&from=x", "/nothing/")
    yield from kpi_addresses()
    yield from (f"/agents/{DEMO}", *(f"/costs/{DEMO}&by={tab}" for tab in ("", "agent", "model", "day")))
    chosen = ("", "&source=chat&template=used", "&template=not_used")
    yield from (f"/funnel/{DEMO}{choice}" for choice in chosen)
    yield from (f"/funnel/sessions/{DEMO}&step=draft_created{choice}" for choice in chosen)
    yield from ("/alerts/", f"/slos/{DEMO}", f"/live/{DEMO}", "/live/?key=x")
    yield from (f"/live/{DEMO}&outcome={outcome}" for outcome in ("rejected", "duplicate"))
    yield from plan_addresses()
    yield from thing_addresses()
    yield from (f"/annotations/add/{DEMO}", f"/annotations/{Annotation.objects.all()[0].pk}/")
    yield from (f"/account/{page}" for page in ACCOUNT_PAGES)
    yield from ("/shared-links/", "/shared-links/add/?address=/", "/shared-links/add/?address=/x/")
    for kind, path in ((ShareKind.PAGE, "shared"), (ShareKind.CHART, "embed")):
        place = make_place(SharedPage.KPI, kpi="workbench-adoption", environment="demo")
        yield f"/{path}/{make_link(place, kind=kind, now=timezone.now())[1]}/"
    yield from ("/shared/none/", "/embed/none/", "/login/", "/password/reset/", "/invitations/none/")


def kpi_addresses() -> Iterator[str]:
    for kpi in DEFINITIONS:
        page = f"/kpis/{kpi.slug}/"
        yield f"{page}{DEMO}&compare=weekdays&granularity=week"
        yield from (f"{page}{DEMO}&breakdown={name}" for name in kpi.dimensions)
        yield from (f"{page}changes/{DEMO}", f"{page}counted/{DEMO}", f"{page}counted/{DEMO}&show=excluded")


def plan_addresses() -> Iterator[str]:
    yield from (f"/plan/{DEMO}", f"/plan/{DEMO}&show=problems&code=unknown_event")
    yield from (f"/plan/{name}/{DEMO}" for name in list(get_plan().events)[:6])
    for rejected in QuarantinedEvent.objects.filter(environment="demo")[:2]:
        yield from (f"/plan/rejected/{rejected.pk}/", f"/plan/{rejected.event or '-'}/{DEMO}")


def thing_addresses() -> Iterator[str]:
    yield from (f"/runs/{DEMO}", f"/runs/{DEMO}&status=failed&not_trigger=x", f"/runs/{DEMO}&longer=x")
    for status in ("completed", "failed", ""):
        for run in WorkflowRun.objects.filter(environment="demo", status=status).exclude(run_id="")[:1]:
            yield from (f"/runs/{run.run_id}/{DEMO}", f"/runs/{run.run_id}/retry/{DEMO}")
    for session in Session.objects.filter(environment="demo")[:2]:
        yield f"/sessions/{session.session_id}/{DEMO}"
    for draft in Draft.objects.filter(environment="demo").exclude(draft_id="")[:2]:
        yield f"/drafts/{draft.draft_id}/{DEMO}"
    for request in ApprovalRequest.objects.filter(environment="demo")[:2]:
        yield f"/approvals/{request.approval_id or request.event_key}/{DEMO}"


def make_everything() -> None:
    now = timezone.now()
    # Nobody makes a draft at a weekend, and today is a Sunday.
    load_demo(now=now, days=3)
    rows.environment("empty")
    for number, severity in enumerate(("page", "ticket", "")):
        make_alert(
            number,
            severity=severity,
            environment="demo",
            started_at=now - timedelta(hours=2),
            expires_at=now + timedelta(hours=2),
        )
    make_alert(
        9, environment="demo", started_at=now - timedelta(hours=9), expires_at=now - timedelta(hours=2)
    )
    Annotation.objects.create(environment="demo", text="v2.3 deployed", at=now - timedelta(hours=3))


def test_every_text_of_every_page_went_through_a_catalogue(client: Client) -> None:
    make_everything()
    client.force_login(User.objects.create_superuser("reader", password="sesame"))
    data = data_words() | {"ada"}
    left: dict[str, set[str]] = {}

    with pseudo_language("de"):
        for address in addresses():
            response = client.get(address, headers=GERMAN)
            assert response.status_code in {200, 302, 400, 404}, address
            if found := forgotten(response.content.decode(), data=data):
                left[address] = found

    assert left == {}


def test_no_page_is_left_out() -> None:
    make_everything()
    seen = {resolve(urlsplit(address).path).url_name for address in addresses() if address != "/nothing/"}

    # The runbooks are in English, and the others are buttons.
    left_out = {"runbook", "arrange-overview", "revoke-shared-link"}
    assert {pattern.name for pattern in urlpatterns} - seen <= left_out
