"""The audit's admin, its exports, and that every model that people change is audited."""

import csv
import io
import json
from datetime import timedelta

import pytest
from auditlog.registry import auditlog
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client, RequestFactory

from audit.models import AuditEntry, Verb
from config.audit.audited import AUDITED, EXEMPT
from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.models import Environment
from tests.builders import NOW
from tests.config.test_admin_pages import plan_of, queries_of

pytestmark = pytest.mark.django_db

LIST = "/admin/audit/auditentry/"
INGEST = ("telemetry.RawEvent", "telemetry.Arrival", "telemetry.QuarantinedEvent", "telemetry.LedgerHour")


def entry(**fields: object) -> AuditEntry:
    subject = ContentType.objects.get_for_model(AuditEntry)
    made: AuditEntry = AuditEntry.objects.log_create(subject, force_log=True, **{"action": 1, **fields})
    return made


def exported(client: Client, query: str = "") -> list[dict[str, object]]:
    response = client.get(f"{LIST}export.json{query}")
    records: list[dict[str, object]] = json.loads(response.getvalue())
    return records


def test_every_model_that_people_change_or_act_upon_is_audited() -> None:
    request = RequestFactory().get("/admin/")
    request.user = User.objects.create_superuser("root")
    changeable = {
        model._meta.label
        for model, model_admin in admin.site._registry.items()
        if not isinstance(model_admin, ReadOnlyModelAdmin) or model_admin.get_actions(request)
    }

    assert changeable - {item["model"] for item in AUDITED} - set(EXEMPT) == set()


def test_every_registration_names_a_model_that_exists() -> None:
    assert {item["model"] for item in AUDITED} == {model._meta.label for model in auditlog.get_models()}
    assert all(apps.get_model(label) for label in EXEMPT)


@pytest.mark.parametrize("label", INGEST)
def test_what_ingest_writes_is_not_audited(label: str) -> None:
    assert not auditlog.contains(apps.get_model(label))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?verb=replayed", ["replay"]),
        ("?actor_name=jo", ["replay", "day"]),
        ("?environment=production", ["retry"]),
        ("?from=2026-02-15", ["day"]),
        ("?to=2026-02-14", ["retry", "replay"]),
        ("?from=2026-02-14&to=2026-02-14", ["retry"]),
        ("?from=nonsense", []),
        ("?to=9999-12-31", []),
    ],
)
def test_each_filter_bounds_the_list_and_the_export(
    admin_client: Client, query: str, found: list[str]
) -> None:
    Environment.objects.create(name="production")
    entry(object_repr="day", actor_name="jo", timestamp=NOW)
    entry(object_repr="replay", actor_name="jo", verb=Verb.REPLAYED, timestamp=NOW - timedelta(days=2))
    entry(object_repr="retry", environment="production", timestamp=NOW - timedelta(days=1))
    names = {"day", "replay", "retry"}

    rows = [record["object"] for record in exported(admin_client, query) if record["object"] in names]

    assert sorted(rows) == sorted(found)
    page = admin_client.get(f"{LIST}{query}").content.decode()
    assert [name for name in sorted(names) if f">{name}<" in page] == sorted(found)


@pytest.mark.parametrize(
    "query",
    [
        "verb=created",
        "actor_name=jo",
        "environment=production",
        "content_type={user}",
        "from=2026-02-01",
        "q=jo",
    ],
)
def test_an_index_serves_every_filter(admin_client: Client, query: str) -> None:
    Environment.objects.create(name="production")
    User.objects.create(username="jo", is_staff=True)
    user_type = ContentType.objects.get_for_model(User).pk
    queries = queries_of(admin_client, f"{LIST}?{query.format(user=user_type)}")
    (count,) = [statement for statement in queries if "LIMIT 1001" in statement]

    assert "INDEX" in plan_of(count).upper()
    assert "SCAN audit_auditentry" not in plan_of(count).replace("SCAN audit_auditentry USING", "")
    if not query.startswith("q="):
        assert "TEMP B-TREE FOR ORDER BY" not in plan_of(queries[-1])


def test_the_exports_have_the_filters_of_the_list(admin_client: Client) -> None:
    page = admin_client.get(f"{LIST}?verb=replayed").content.decode()

    assert f'href="{LIST}export.csv?verb=replayed"' in page
    assert f'href="{LIST}export.json?verb=replayed"' in page


def test_an_export_is_noted_itself(admin_client: Client) -> None:
    admin_client.get(f"{LIST}export.csv?verb=replayed").getvalue()

    noted = AuditEntry.objects.latest("id")
    assert (noted.verb, noted.actor_name) == (Verb.EXPORTED, "admin")
    assert noted.additional_data == {"file": "audit.csv", "filters": {"verb": "replayed"}}


def test_an_export_has_the_newest_entries_and_no_more_than_a_limit(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.audit.admin.MOST_EXPORTED", 2)
    for number in range(3):
        entry(object_repr=f"number {number}", actor_name="jo", timestamp=NOW + timedelta(minutes=number))

    assert [record["object"] for record in exported(admin_client, "?actor_name=jo")] == [
        "number 2",
        "number 1",
    ]


def test_an_export_without_entries_is_an_empty_list(admin_client: Client) -> None:
    assert exported(admin_client, "?actor_name=nobody") == []


def test_a_csv_cell_is_no_formula(admin_client: Client) -> None:
    entry(object_repr='=HYPERLINK("http://example.org")', actor_name="@SUM(1)")
    content = admin_client.get(f"{LIST}export.csv").getvalue().decode()

    rows = list(csv.DictReader(io.StringIO(content)))

    assert '\'=HYPERLINK("http://example.org")' in {row["object"] for row in rows}
    assert "'@SUM(1)" in {row["actor"] for row in rows}


def test_an_export_needs_the_permission_to_view(client: Client) -> None:
    client.force_login(User.objects.create_user("jo", is_staff=True))

    assert client.get(f"{LIST}export.csv").status_code == 403


def test_an_entry_shows_before_and_after_escaped(admin_client: Client) -> None:
    made = entry(changes={"name": ["<b>old</b>", "<script>new</script>"]})
    page = admin_client.get(f"{LIST}{made.pk}/change/").content.decode()

    assert "&lt;b&gt;old&lt;/b&gt;" in page
    assert "<script>new" not in page


def test_a_role_shows_what_was_added(admin_client: Client) -> None:
    group = Group.objects.create(name="analysts")
    permission = Permission.objects.get(codename="view_arrival")
    group.permissions.add(permission)
    made = AuditEntry.objects.latest("id")

    assert f"+ {permission}" in admin_client.get(f"{LIST}{made.pk}/change/").content.decode()
