"""What people and machines do leaves the entries that docs/admin.md promises, and no others."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.test import Client

from audit.models import AuditEntry
from people.access import set_limit
from people.invitations import accept_invitation, invite, revoke_invitation
from people.models import Invitation, Role
from people.roles import give_role
from people.second_factor import remove_second_factors
from people.sessions import end_sessions, forget_ended
from telemetry import keys, maintenance
from telemetry.lifecycle import erasure as erasures
from telemetry.lifecycle import quarantine_jobs
from telemetry.lifecycle.retention import runs
from telemetry.models import (
    ApiKey,
    Erasure,
    MaintenanceWindow,
    PlanVersion,
    QuarantineJob,
    QuarantineWork,
    RetentionPolicy,
    RetentionRun,
)
from telemetry.plan import get_plan, history
from tests.builders import NOW, make_key, make_secret
from tests.rows import quarantined_event
from workbench.erasure import export, steps

pytestmark = pytest.mark.django_db


def entries_of(model: type, *fields: str) -> list[tuple[object, ...]]:
    """The entries of a model's rows, the oldest first: the verb, and the fields."""
    label = model._meta.model_name  # type: ignore[attr-defined]
    entries = AuditEntry.objects.filter(content_type__model=label).order_by("id")
    return list(entries.values_list("verb", *fields))


@pytest.fixture
def person() -> User:
    return User.objects.create_user("jo")


def test_a_key_whose_events_are_changed_says_before_and_after() -> None:
    key = make_key()
    keys.change_key(key=key, allowed_events=["workbench.*"], notes="")

    assert entries_of(ApiKey, "changes")[-1] == (
        "changed",
        {"allowed_events": ["[]", '["workbench.*"]']},
    )


def test_a_rotated_key_is_noted_with_its_successor() -> None:
    key = make_key()
    keys.rotate_key(key=key, now=NOW)

    assert [verb for (verb,) in entries_of(ApiKey)] == ["created", "created", "changed"]


def test_maintenance_is_noted_when_it_begins_and_when_somebody_ends_it(person: User) -> None:
    maintenance.switch_on(message="", ends_at=None, by=person, now=NOW)
    maintenance.switch_off(by=person, now=NOW + timedelta(minutes=5))

    created, ended = entries_of(MaintenanceWindow, "changes")
    assert created[0] == "created"
    assert ended == (
        "changed",
        {"ended_at": ["None", "2026-02-15 12:05:00"], "ended_by": ["None", str(person.pk)]},
    )


def test_a_plan_is_noted_when_it_is_first_loaded() -> None:
    for minutes in range(3):
        history.record_load(plan=get_plan(), process="web", now=NOW + timedelta(minutes=minutes))

    assert [verb for (verb,) in entries_of(PlanVersion)] == ["created"]


def test_an_invitation_is_noted_without_its_address_and_link(person: User) -> None:
    revoked, _ = invite(
        email="a@example.org", role=Role.VIEWER, environments=[], by=None, lasts=timedelta(1), now=NOW
    )
    revoke_invitation(revoked, now=NOW)
    revoke_invitation(revoked, now=NOW)
    accepted, _ = invite(
        email="b@example.org",
        role=Role.VIEWER,
        environments=["production"],
        by=None,
        lasts=timedelta(1),
        now=NOW,
    )
    accept_invitation(accepted, user=person, now=NOW)

    assert [verb for (verb,) in entries_of(Invitation)] == ["created", "changed", "created", "changed"]
    text = repr(list(AuditEntry.objects.values_list("changes", "object_repr")))
    assert "example.org" not in text
    assert revoked.digest not in text


def test_a_role_and_a_limit_that_are_given_are_noted(person: User) -> None:
    give_role(user=person, role=Role.ADMIN)
    set_limit(user=person, environments=["production"])
    set_limit(user=person, environments=None)

    changed = AuditEntry.objects.exclude(verb="created").order_by("id").values_list("verb", "changes")
    assert [(verb, sorted(changes)) for verb, changes in changed] == [
        ("changed", ["groups"]),
        ("changed", ["is_staff"]),
        ("deleted", ["environments", "id", "user"]),
    ]


def test_sessions_and_second_factors_that_are_taken_are_noted_once(person: User) -> None:
    UserSession.objects.create(user=person, ip="127.0.0.1", session_key="k", user_agent="x")
    UserSession.objects.create(user=person, ip="127.0.0.1", session_key="gone", user_agent="x")
    Authenticator.objects.create(user=person, type="totp", data={"secret": "s3cr3t"})
    before = AuditEntry.objects.count()
    end_sessions(user=person, keep="gone")
    forget_ended()
    remove_second_factors(person)
    remove_second_factors(person)

    assert entries_of(User, "object_repr")[before:] == [("session_ended", "jo"), ("factor_removed", "jo")]
    assert "s3cr3t" not in repr(list(AuditEntry.objects.values()))


def test_what_names_a_person_is_named_by_its_number(person: User) -> None:
    address = EmailAddress.objects.create(user=person, email="jo@example.org")
    link = SocialAccount.objects.create(
        user=person, provider="oidc", uid="sub-1", extra_data={"userinfo": {"name": "jo@example.org"}}
    )
    link.extra_data = {"userinfo": {"name": "Jo"}}
    link.save()
    SocialAccount.objects.filter(pk=link.pk).delete()

    assert [entry[1:] for entry in entries_of(EmailAddress, "object_repr")] == [
        (f"email address {address.pk}",)
    ]
    assert [verb for (verb,) in entries_of(SocialAccount)] == ["created", "deleted"]
    text = repr(list(AuditEntry.objects.values()))
    assert "example.org" not in text
    assert "sub-1" not in text


def test_a_run_of_retention_is_noted_when_it_is_asked_for_and_when_it_ends() -> None:
    RetentionPolicy.objects.create(subject="quarantine", keep_days=30)
    runs.open_run(now=NOW, requested_by="jo")
    while runs.carry_on(now=NOW, seconds=60, pause=lambda seconds: None):
        pass

    assert [verb for (verb,) in entries_of(RetentionPolicy)] == ["created"]
    assert entries_of(RetentionRun, "additional_data")[1:] == [
        ("pruned", {"status": "finished", "rows": 0, "bytes": 0, "steps": 0})
    ]


def test_an_erasure_is_noted_from_its_request_to_its_end_without_its_subject() -> None:
    make_key()
    wanted = erasures.ErasureRequest(environment="production", kind="session", subject="s-secret")
    erasure = erasures.request_erasure(wanted, requested_by="jo", now=NOW)
    steps.run_to_end(erasure, now=NOW)
    list(export.export_of(erasure, now=NOW))
    erasures.confirm(erasure)
    erasures.confirm(erasure)
    steps.run_to_end(erasure, now=NOW)

    assert entries_of(Erasure, "environment") == [
        (verb, "production") for verb in ("created", "exported", "changed", "erased")
    ]
    text = repr(list(AuditEntry.objects.values()))
    assert "s-secret" not in text
    assert erasure.digest not in text


def test_a_key_that_erases_is_the_actor(client: Client) -> None:
    secret = make_secret(scope="admin")
    client.post(
        "/api/erasures/",
        {"kind": "session", "subject": "s-1"},
        content_type="application/json",
        headers={"authorization": f"Bearer {secret}"},
    )

    assert entries_of(Erasure, "actor_name", "remote_addr") == [
        (verb, f"key {secret[:16]}…", "127.0.0.1") for verb in ("created", "changed")
    ]


@pytest.mark.parametrize(
    ("work", "verb", "counts"),
    [
        (QuarantineWork.REPLAY, "replayed", {"accepted": 0, "duplicates": 0, "rejected": 0, "not_kept": 3}),
        (QuarantineWork.DELETE, "deleted", {"deleted": 3}),
    ],
)
def test_a_job_of_the_quarantine_is_noted_when_it_is_asked_for_and_when_it_ends(
    monkeypatch: pytest.MonkeyPatch, work: QuarantineWork, verb: str, counts: dict[str, int]
) -> None:
    monkeypatch.setattr(quarantine_jobs, "ROWS_PER_STEP", 1)
    for number in range(3):
        quarantined_event(number)
    job = quarantine_jobs.request_job(work=work, selection={}, requested_by="jo", now=NOW)
    quarantine_jobs.finish(job, now=NOW)

    assert [(found, data) for found, data in entries_of(QuarantineJob, "additional_data")][1:] == [
        (verb, counts)
    ]
