"""The admin of erasures: form, preview, confirmation, receipt, buttons and who may press them."""

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from people.models import Role
from telemetry.intake.privacy import pseudonymise
from telemetry.models import Erasure, RawEvent
from tests.builders import event, fold
from tests.people.builders import make_person
from tests.rows import environment
from tests.rows import erasure as stored_erasure

pytestmark = pytest.mark.django_db
ADD = reverse("admin:telemetry_erasure_add")
FORM = {
    "environment_name": "production",
    "kind": "user",
    "subject": "ann-4711",
    "mode": "remove",
    "later_events": "refuse",
}


def button(erasure: Erasure, name: str) -> str:
    return reverse(f"admin:telemetry_erasure_{name}", args=[erasure.pk])


def request_by_form(client: Client, **fields: str) -> Erasure:
    answer = client.post(ADD, FORM | fields)
    erasure = Erasure.objects.get()
    assert answer.headers["Location"] == reverse("admin:telemetry_erasure_change", args=[erasure.pk])
    return erasure


@pytest.fixture
def ann() -> None:
    fold(event("workbench.session_started", userId=pseudonymise("ann-4711")))


def test_an_erasure_from_the_form_to_the_receipt(admin_client: Client, ann: None) -> None:
    erasure = request_by_form(admin_client)
    page = admin_client.get(reverse("admin:telemetry_erasure_change", args=[erasure.pk])).content.decode()
    events_before = RawEvent.objects.count()

    admin_client.post(button(erasure, "confirm"))
    erasure.refresh_from_db()
    receipt = admin_client.get(button(erasure, "receipt"))

    assert "Nothing is erased yet." in page
    assert "workbench.session_started" in page
    assert "ann-4711" not in page
    assert (events_before, erasure.state, RawEvent.objects.count()) == (1, "done", 0)
    assert json.loads(receipt.content)["receipt"]["raw_events_total"] == 1
    assert receipt.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(("subject", "finds_nothing"), [("ann-4711", False), ("ann-4712", True)])
def test_a_preview_that_finds_nothing_asks_whether_the_id_is_right(
    admin_client: Client, ann: None, subject: str, finds_nothing: bool
) -> None:
    erasure = request_by_form(admin_client, subject=subject)

    page = admin_client.get(reverse("admin:telemetry_erasure_change", args=[erasure.pk])).content.decode()

    assert ("Nothing of this subject is in production." in page) is finds_nothing
    assert ("Nothing is erased yet." in page) is not finds_nothing


@pytest.mark.parametrize(
    ("names", "choices"),
    [(["production"], ["production"]), (["production", "staging"], ["", "production", "staging"])],
)
def test_no_environment_is_chosen_for_a_person_who_has_several(
    admin_client: Client, names: list[str], choices: list[str]
) -> None:
    for name in names:
        environment(name)

    field = admin_client.get(ADD).context["adminform"].form.fields["environment_name"]

    assert [value for value, _ in field.choices] == choices


def test_the_raw_id_reaches_no_log_of_the_admin(admin_client: Client, ann: None) -> None:
    erasure = request_by_form(admin_client)
    admin_client.post(button(erasure, "export")).getvalue()
    admin_client.post(button(erasure, "confirm"))

    entries = list(LogEntry.objects.values_list("object_repr", "change_message"))
    assert len(entries) == 3
    assert not [
        entry for entry in entries if "ann-4711" in str(entry) or pseudonymise("ann-4711") in str(entry)
    ]


def test_an_export_is_a_file(admin_client: Client, ann: None) -> None:
    erasure = request_by_form(admin_client)

    exported = json.loads(admin_client.post(button(erasure, "export")).getvalue())

    assert [row["event"] for row in exported["raw_events"]] == ["workbench.session_started"]
    assert Erasure.objects.count() == 1


def test_a_discarded_erasure_is_gone(admin_client: Client, ann: None) -> None:
    admin_client.post(button(request_by_form(admin_client), "discard"))

    assert (Erasure.objects.count(), RawEvent.objects.count()) == (0, 1)


def test_an_erasure_that_stopped_can_go_on(admin_client: Client) -> None:
    position = {"failed_in": "events", "at": {}}
    erasure = stored_erasure(2, position=position)

    admin_client.post(button(erasure, "retry"))

    erasure.refresh_from_db()
    assert erasure.state == "events"


@pytest.mark.parametrize(
    "fields", [{"subject": ""}, {"subject": "ann smith"}, {"kind": "team"}, {"environment_name": "nowhere"}]
)
def test_the_form_refuses_what_cannot_be(admin_client: Client, ann: None, fields: dict[str, Any]) -> None:
    answer = admin_client.post(ADD, FORM | fields)

    assert answer.status_code == 200
    assert not Erasure.objects.exists()


def test_a_page_at_work_asks_again_by_itself(admin_client: Client) -> None:
    erasure = stored_erasure(0, state="events")

    answer = admin_client.get(reverse("admin:telemetry_erasure_change", args=[erasure.pk]))

    assert answer.headers["Refresh"] == "3"
    assert "of the raw events are read" in answer.content.decode()


@pytest.mark.parametrize("name", ["confirm", "discard", "retry", "export"])
def test_only_who_may_add_erasures_presses_buttons(client: Client, name: str) -> None:
    viewer = User.objects.create_user("jo", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_erasure"))
    client.force_login(viewer)
    erasure = stored_erasure()

    page = client.get(reverse("admin:telemetry_erasure_change", args=[erasure.pk])).content.decode()

    assert client.post(button(erasure, name)).status_code == 403
    assert button(erasure, name) not in page


@pytest.mark.parametrize("name", ["confirm", "discard", "retry", "export"])
def test_a_button_needs_a_post(admin_client: Client, name: str) -> None:
    assert admin_client.get(button(stored_erasure(), name)).status_code == 403


def test_an_erasure_that_is_over_exports_nothing(admin_client: Client) -> None:
    assert admin_client.post(button(stored_erasure(1), "export")).status_code == 404


@pytest.mark.parametrize(("environments", "status"), [(["production"], 302), (["demo"], 404)])
def test_an_admin_acts_on_erasures_of_their_own_environments(
    client: Client, environments: list[str], status: int
) -> None:
    erasure = stored_erasure(0)
    client.force_login(make_person("ada", role=Role.ADMIN, environments=environments))

    answers = [client.post(button(erasure, name)).status_code for name in ("retry", "confirm", "discard")]
    receipts = client.get(button(stored_erasure(1), "receipt")).status_code

    assert answers == [status] * 3
    assert receipts == (200 if status == 302 else 404)


def test_an_admin_requests_no_erasure_in_an_environment_that_is_closed_to_them(client: Client) -> None:
    environment("production")
    environment("demo")
    client.force_login(make_person("ada", role=Role.ADMIN, environments=["demo"]))

    answer = client.post(ADD, FORM)

    assert answer.status_code == 200
    assert not Erasure.objects.exists()
