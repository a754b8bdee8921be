"""What is noted, who by, and that an entry is final."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connection, transaction
from django.test import Client
from pytest_django import Settings

from audit import acting, trail
from audit.models import AuditEntry, Horizon, Verb
from audit.receivers import EntryIsFinal
from kpis.models import Target
from telemetry import keys
from tests.builders import NOW, make_key

pytestmark = pytest.mark.django_db


def trail_of(*fields: str) -> list[tuple[object, ...]]:
    """The entries' fields, the oldest first."""
    return list(AuditEntry.objects.order_by("id").values_list(*fields))


def entry_at(moment: datetime) -> AuditEntry:
    subject = ContentType.objects.get_for_model(AuditEntry)
    entry: AuditEntry = AuditEntry.objects.log_create(subject, force_log=True, action=1, timestamp=moment)
    return entry


def test_a_change_says_who_when_from_where_before_and_after(admin_client: Client, admin_user: User) -> None:
    target = Target.objects.create(kpi="approval-rate", value="0.8", effective_from=NOW.date())
    form = {
        "kpi": "approval-rate",
        "environment": "",
        "value": "0.9",
        "effective_from": "2026-02-15",
        "note": "",
    }

    admin_client.post(f"/admin/kpis/target/{target.pk}/change/", form, headers={"x-forwarded-for": "9.9.9.9"})

    entry = AuditEntry.objects.latest("id")
    assert (entry.actor, entry.actor_name, entry.remote_addr) == (admin_user, "admin", "127.0.0.1")
    assert (entry.verb, entry.object_pk) == (Verb.CHANGED, str(target.pk))
    assert entry.changes["value"] == ["0.800000", "0.9"]
    assert entry.cid


def test_the_address_behind_a_trusted_proxy_is_the_clients(admin_client: Client, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    headers = {"x-forwarded-for": "1.2.3.4, 9.9.9.9"}

    admin_client.post("/admin/auth/group/add/", {"name": "analysts"}, headers=headers)

    assert AuditEntry.objects.latest("id").remote_addr == "9.9.9.9"


def test_secrets_and_personal_data_are_hidden() -> None:
    user = User.objects.create_user("jo", "jo@example.org", "correct-horse-9", first_name="Jo")
    key = make_key()

    text = repr(trail_of("changes", "object_repr", "additional_data"))
    assert user.password not in text
    assert key.digest not in text
    assert "jo@example.org" not in text
    assert AuditEntry.objects.filter(object_repr="jo").get().changes["email"] == ["None", "(hidden)"]


def test_a_changed_password_is_seen_and_not_shown() -> None:
    user = User.objects.create_user("jo", password="correct-horse-9")
    user.set_password("battery-staple-9")
    user.save()

    assert AuditEntry.objects.latest("id").changes == {"password": ["(hidden)", "(hidden)"]}


def test_a_role_that_is_given_and_taken_is_noted() -> None:
    user, group = User.objects.create(username="jo"), Group.objects.create(name="analysts")
    user.groups.add(group)
    user.groups.remove(group)

    given, taken = trail_of("changes")[-2:]
    assert given[0] == {"groups": {"type": "m2m", "operation": "add", "objects": ["analysts"]}}  # type: ignore[comparison-overlap]
    assert taken[0] == {"groups": {"type": "m2m", "operation": "delete", "objects": ["analysts"]}}  # type: ignore[comparison-overlap]


def test_a_revoked_key_is_noted_once_with_its_environment() -> None:
    key = make_key()
    keys.revoke_key(key=key, now=NOW)
    keys.revoke_key(key=key, now=NOW + timedelta(days=1))

    noted = AuditEntry.objects.filter(object_pk=key.pk, verb=Verb.CHANGED)
    assert [(entry.environment, list(entry.changes)) for entry in noted] == [("production", ["revoked_at"])]


def test_a_command_is_named_with_who_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/srv/manage.py", "create_key", "--scope=read"])
    monkeypatch.setattr("getpass.getuser", lambda: "ops")

    make_key()

    assert {actor for (actor,) in trail_of("actor_name")} == {"command create_key (ops)"}


def test_a_user_id_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", fail)

    assert acting.os_user() == str(os.getuid())


def test_a_key_that_acts_is_named() -> None:
    with acting.acting_as("key wb_admin_Ab12…"):
        Group.objects.create(name="analysts")

    assert trail_of("actor_name") == [("key wb_admin_Ab12…",)]


def test_a_note_says_what_no_row_says() -> None:
    user = User.objects.create(username="jo")
    trail.note(
        Verb.REPLAYED,
        subject=user,
        environment="production",
        details={"events": 3},
        before_and_after={"state": ("waiting", "done")},
    )

    assert trail_of("verb", "environment", "additional_data", "changes")[-1] == (
        Verb.REPLAYED,
        "production",
        {"events": 3},
        {"state": ["waiting", "done"]},
    )


def test_an_entry_rolls_back_with_its_change() -> None:
    with transaction.atomic():
        Group.objects.create(name="analysts")
        transaction.set_rollback(True)

    assert trail_of("id") == []


@pytest.mark.parametrize(
    "change", [AuditEntry.save, AuditEntry.delete, lambda entry: AuditEntry.objects.all().delete()]
)
def test_an_entry_is_final_for_python(change: Callable[[AuditEntry], object]) -> None:
    entry = entry_at(NOW)

    with pytest.raises(EntryIsFinal), transaction.atomic():
        change(entry)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditentry SET actor_name = 'somebody else'",
        "UPDATE audit_auditentry SET object_repr = 'another'",
        "DELETE FROM audit_auditentry",
    ],
)
def test_an_entry_is_final_for_sql(statement: str) -> None:
    entry_at(NOW)

    with pytest.raises(IntegrityError, match="final"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.count() == 1


def test_no_entry_gets_another_actor() -> None:
    entry = entry_at(NOW)
    other = User.objects.create(username="other")

    with pytest.raises(IntegrityError, match="final"), transaction.atomic():
        AuditEntry.objects.filter(pk=entry.pk).update(actor=other)


def test_a_deleted_account_leaves_its_entries_and_its_name() -> None:
    user = User.objects.create(username="jo")
    AuditEntry.objects.log_create(user, force_log=True, action=1, actor=user, actor_name="jo")
    user.delete()

    assert set(AuditEntry.objects.values_list("actor", flat=True)) == {None}
    assert AuditEntry.objects.filter(actor_name="jo", object_repr="jo").exists()


def test_old_entries_are_deleted_the_oldest_first() -> None:
    old = [entry_at(NOW - timedelta(days=days)) for days in (3, 2)]
    kept = [entry_at(NOW), entry_at(NOW + timedelta(days=1))]

    assert trail.count_before(NOW) == 2
    assert trail.delete_before(NOW, limit=1) == 1
    assert trail_of("id") == [(entry.pk,) for entry in (old[1], *kept)]
    assert [trail.delete_before(NOW) for _ in range(2)] == [1, 0]
    assert trail_of("id") == [(entry.pk,) for entry in kept]


def test_the_horizon_never_goes_back_and_keeps_what_is_later() -> None:
    entry = entry_at(NOW)
    trail.delete_before(NOW)
    trail.delete_before(datetime(2020, 1, 1, tzinfo=UTC))

    assert Horizon.objects.get().kept_from == NOW
    with pytest.raises(IntegrityError, match="final"), transaction.atomic():
        AuditEntry.objects.filter(pk=entry.pk)._raw_delete("default")
