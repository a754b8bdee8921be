"""Replays and removals from the admin: they ask first, make a job, and need a permission."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from telemetry import tasks
from telemetry.intake.ingest import OTHER_EVENTS, ingest_events
from telemetry.keys import change_key
from telemetry.models import QuarantinedEvent, QuarantineJob, RawEvent, RejectionGroup
from tests.builders import NOW, make_key
from tests.rows import BUILDERS, MOMENT, quarantined_event
from tests.telemetry.admin.reading import page_of
from tests.telemetry.posts import event, raw
from workbench.fold import pending

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

QUARANTINE = "/admin/telemetry/quarantinedevent/"
GROUPS = "/admin/telemetry/rejectiongroup/"
JOBS = "/admin/telemetry/quarantinejob/"
GROUP = {"code": "unknown_event", "event": "workbench.draft_created", "source": "web", "client": "app/1.2"}


def reject(*, events: int = 3, whole: bool = True) -> RejectionGroup:
    """So many events that their key might not send and now may."""
    key = make_key(allowed_events=["agent.*"])
    fields = {} if whole else {"draftId": "a b"}
    documents = [raw(event(event_id=f"e-{number}", **fields)) for number in range(events)]
    ingest_events(documents, key=key, now=NOW - timedelta(minutes=1), client="app/1.2")
    change_key(key=key, allowed_events=[], notes="")
    pending.fold_pending(now=NOW)
    return RejectionGroup.objects.get()


def choose(action: str, *rows: object, **fields: str) -> dict[str, object]:
    return {"action": action, "_selected_action": [str(row.pk) for row in rows], **fields}  # type: ignore[attr-defined]


def test_a_group_says_what_is_rejected_and_how_much_of_it_waits(admin_client: Client) -> None:
    group = reject()
    QuarantinedEvent.objects.first().delete()  # type: ignore[union-attr]

    page = page_of(admin_client, GROUPS)

    for text in ("unknown_event", "workbench.draft_created", "app/1.2"):
        assert text in page
    assert (group.events, page.count(">3<"), page.count(">2<")) == (3, 1, 1)
    assert f"group={group.pk}" in page_of(admin_client, f"{GROUPS}{group.pk}/change/")


def test_the_list_counts_no_more_than_a_thousand_rows_of_a_group(admin_client: Client) -> None:
    reject()
    row = QuarantinedEvent.objects.first()
    fields = {name: value for name, value in vars(row).items() if name not in {"_state", "id"}}
    QuarantinedEvent.objects.bulk_create(QuarantinedEvent(**fields) for _ in range(1000))

    assert ">1000+<" in page_of(admin_client, GROUPS)


def test_a_group_is_replayed_after_a_question(admin_client: Client) -> None:
    group = reject()
    asked = admin_client.post(GROUPS, choose("replay_groups", group)).content.decode()
    before = QuarantineJob.objects.count()

    page = admin_client.post(GROUPS, choose("replay_groups", group, confirmed="yes"), follow=True)
    tasks.work_on_quarantine()

    assert "Would be accepted" in asked
    assert ('name="_selected_action"' in asked, before) == (True, 0)
    job = QuarantineJob.objects.get()
    assert page.redirect_chain[-1][0] == f"{JOBS}{job.pk}/change/"
    assert (job.requested_by, job.accepted, RawEvent.objects.count()) == ("admin", 3, 3)
    assert job.selection == {"environment": "production", **GROUP}


def test_several_groups_are_several_jobs(admin_client: Client) -> None:
    groups = [BUILDERS[RejectionGroup](number) for number in range(2)]

    page = admin_client.post(GROUPS, choose("remove_groups", *groups, confirmed="yes"), follow=True)

    assert page.redirect_chain[-1][0] == JOBS
    assert QuarantineJob.objects.count() == 2


def test_all_other_names_are_no_group_to_replay(admin_client: Client) -> None:
    group = reject()
    RejectionGroup.objects.update(event=OTHER_EVENTS)

    page = admin_client.post(GROUPS, choose("replay_groups", group, confirmed="yes"), follow=True)

    assert "select them in the quarantine" in page.content.decode()
    assert not QuarantineJob.objects.exists()


@pytest.mark.parametrize("place", ["group", "row"])
@pytest.mark.parametrize(("verb", "left"), [("replay", {"accepted"}), ("remove", set())])
def test_a_group_and_a_row_have_buttons_of_their_own(
    place: str, verb: str, left: set[str], admin_client: Client
) -> None:
    group = reject(events=1)
    address = (
        f"{GROUPS}{group.pk}" if place == "group" else f"{QUARANTINE}{QuarantinedEvent.objects.get().pk}"
    )

    asked = page_of(admin_client, f"{address}/{verb}/")
    admin_client.post(f"{address}/{verb}/", {"confirmed": "yes"})
    tasks.work_on_quarantine()

    assert f'href="{address}/"' in asked
    assert set(QuarantinedEvent.objects.values_list("outcome", flat=True)) == left


@pytest.mark.parametrize("number", ["999", "x", "9" * 30])
@pytest.mark.parametrize("place", [QUARANTINE, GROUPS])
def test_no_other_address_replays(place: str, number: str, admin_client: Client) -> None:
    assert admin_client.post(f"{place}{number}/replay/", {"confirmed": "yes"}).status_code in {302, 404}
    assert not QuarantineJob.objects.exists()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        (
            "?code=unknown_event&environment=production",
            {"code": "unknown_event", "environment": "production"},
        ),
        ("?group={group}", {"environment": "production", **GROUP}),
    ],
)
def test_all_rows_of_a_list_are_what_its_filters_select(
    query: str, expected: dict[str, str], admin_client: Client
) -> None:
    group = reject()
    chosen = choose("replay_selected", QuarantinedEvent.objects.first(), select_across="1", confirmed="yes")

    admin_client.post(QUARANTINE + query.format(group=group.pk), chosen)

    assert QuarantineJob.objects.get().selection == expected


def test_ticked_rows_are_replayed_and_no_others(admin_client: Client) -> None:
    reject()
    ticked = QuarantinedEvent.objects.order_by("pk")[:2]

    admin_client.post(QUARANTINE, choose("replay_selected", *ticked, confirmed="yes"))
    tasks.work_on_quarantine()

    assert list(QuarantinedEvent.objects.order_by("pk").values_list("outcome", flat=True)) == [
        "accepted"
    ] * 2 + [""]


def test_a_row_says_that_a_value_of_it_was_not_kept(admin_client: Client) -> None:
    reject(whole=False)
    row = QuarantinedEvent.objects.get(position=0)

    assert re.search(r">\s*not kept\s*<", page_of(admin_client, QUARANTINE))
    assert "its value was not kept" in page_of(admin_client, f"{QUARANTINE}{row.pk}/change/")


def test_the_page_of_a_job_at_work_loads_itself_again(admin_client: Client) -> None:
    reject()
    admin_client.post(QUARANTINE, choose("replay_selected", *QuarantinedEvent.objects.all(), confirmed="yes"))
    page = f"{JOBS}{QuarantineJob.objects.get().pk}/change/"
    at_work = admin_client.get(page)
    tasks.work_on_quarantine()
    done = admin_client.get(page)

    assert (at_work.headers.get("Refresh"), done.headers.get("Refresh")) == ("2", None)
    assert "0 of 3" in at_work.content.decode()
    assert "3 accepted, 0 duplicates, 0 rejected again" in done.content.decode()


@pytest.mark.parametrize(
    ("action", "codename", "jobs"),
    [
        ("replay_selected", "view_quarantinedevent", 0),
        ("replay_selected", "change_quarantinedevent", 1),
        ("replay_selected", "delete_quarantinedevent", 0),
        ("remove_selected", "change_quarantinedevent", 0),
        ("remove_selected", "delete_quarantinedevent", 1),
    ],
)
def test_each_action_has_its_permission(action: str, codename: str, jobs: int, client: Client) -> None:
    row = quarantined_event()
    person = User.objects.create_user("jo", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=[codename, "view_quarantinedevent"]))
    client.force_login(person)

    client.post(QUARANTINE, choose(action, row, confirmed="yes"))
    verb = action.partition("_")[0]
    alone = client.post(f"{QUARANTINE}{row.pk}/{verb}/", {"confirmed": "yes"})

    assert QuarantineJob.objects.count() == 2 * jobs
    assert (alone.status_code == 403) is (jobs == 0)


def test_the_page_that_asks_shows_hostile_names_as_text(admin_client: Client) -> None:
    BUILDERS[RejectionGroup](0)
    RejectionGroup.objects.update(event="<script>alert(1)</script>", last_seen_at=MOMENT)

    page = admin_client.post(GROUPS, choose("replay_groups", RejectionGroup.objects.get())).content.decode()

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("chosen", ["abc", "9" * 40, "1 OR 1=1", "-1", "\0"])
@pytest.mark.parametrize(
    ("place", "action"), [(QUARANTINE, "replay_selected"), (GROUPS, "remove_groups"), (QUARANTINE, "nothing")]
)
def test_a_choice_that_is_none_does_nothing(
    place: str, action: str, chosen: str, admin_client: Client
) -> None:
    reject(events=1)

    answer = admin_client.post(
        place, {"action": action, "_selected_action": [chosen], "confirmed": "yes"}, follow=True
    )

    assert answer.status_code in {200, 400}
    assert not QuarantineJob.objects.exclude(expected=0).exists()


@pytest.mark.parametrize("query", ["?group=0", "?group=abc", "?environment=nowhere", "?code=%3Cscript%3E"])
def test_filters_that_select_nothing_replay_nothing(query: str, admin_client: Client) -> None:
    reject()
    chosen = choose("replay_selected", QuarantinedEvent.objects.first(), select_across="1", confirmed="yes")

    admin_client.post(QUARANTINE + query, chosen)

    assert not QuarantineJob.objects.exclude(expected=0).exists()
