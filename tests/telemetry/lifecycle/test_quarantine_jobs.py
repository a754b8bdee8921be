from datetime import datetime, timedelta
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from telemetry.counters import bridge
from telemetry.keys import change_key
from telemetry.lifecycle import quarantine_jobs
from telemetry.lifecycle.quarantine_jobs import BadSelection, finish, request_job, take_step, work_on_jobs
from telemetry.models import ApiKey, QuarantinedEvent, QuarantineJob, QuarantineWork, RawEvent
from tests.builders import NOW, make_key
from tests.rows import quarantined_event
from tests.telemetry.lifecycle.test_replay import post
from tests.telemetry.posts import event
from tests.threads import run_together

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=1)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine_jobs, "ROWS_PER_STEP", 2)


@pytest.fixture
def key(small_steps: None) -> ApiKey:
    """Of a source whose first five events were rejected and would be accepted by now."""
    key = make_key(allowed_events=["agent.*"])
    post(*(event(event_id=f"e-{number}") for number in range(5)), key=key)
    change_key(key=key, allowed_events=[], notes="")
    return key


def job_of(work: QuarantineWork = QuarantineWork.REPLAY, **selection: Any) -> QuarantineJob:
    return request_job(work=work, selection=selection, requested_by="jo", now=NOW)


def progress(job: QuarantineJob) -> tuple[int, int, datetime | None]:
    job.refresh_from_db()
    return job.examined, job.accepted, job.finished_at


def test_a_job_goes_on_where_its_last_step_ended(key: ApiKey) -> None:
    job = job_of()

    steps = [(take_step(job.pk, now=LATER), *progress(job)) for _ in range(4)]

    assert steps == [(True, 2, 2, None), (True, 4, 4, None), (False, 5, 5, LATER), (False, 5, 5, LATER)]
    assert RawEvent.objects.count() == 5


def test_what_comes_in_meanwhile_is_not_part_of_it(key: ApiKey) -> None:
    job = job_of()
    change_key(key=key, allowed_events=["agent.*"], notes="")
    post(event(event_id="new"), key=key)
    change_key(key=key, allowed_events=[], notes="")

    finish(job, now=LATER)

    assert (job.accepted, QuarantinedEvent.objects.filter(replayed_at=None).count()) == (5, 1)


def test_a_job_of_nothing_is_done_at_once() -> None:
    assert job_of().finished_at == NOW


def test_two_jobs_of_the_same_events_store_them_once(key: ApiKey) -> None:
    first, second = job_of(), job_of()
    take_step(first.pk, now=LATER)
    finish(second, now=LATER)

    finish(first, now=LATER)

    assert (first.accepted, second.accepted, RawEvent.objects.count()) == (2, 3, 5)


def test_open_jobs_are_worked_on_in_turn_until_the_time_is_over(key: ApiKey) -> None:
    first, second = job_of(), job_of()

    work_on_jobs(now=LATER, seconds=0)
    after_one_step = progress(first)
    work_on_jobs(now=LATER, seconds=60)

    assert (after_one_step, progress(first), progress(second)) == ((2, 2, None), (5, 5, LATER), (0, 0, LATER))


@pytest.mark.parametrize(
    ("selection", "kept"),
    [
        ({}, set()),
        ({"environment": "production"}, {4}),
        ({"environment": "production", "code": "bad_id"}, {1, 4, 5}),
        ({"environment": "production", "code": "bad_id", "client": "app/1"}, {1, 3, 4, 5}),
        ({"source": "nobody"}, {1, 2, 3, 4, 5}),
    ],
)
def test_a_selection_is_what_rows_have_in_common(selection: dict[str, str], kept: set[int]) -> None:
    rows = [
        quarantined_event(1, code="wrong_type"),
        quarantined_event(2, code="bad_id", client="app/1"),
        quarantined_event(3, code="bad_id", client="app/2"),
        quarantined_event(4, code="bad_id", client="app/1", environment="staging"),
        quarantined_event(5, code="too_long", client="app/1"),
    ]

    finish(job_of(QuarantineWork.DELETE, **selection), now=LATER)

    left = set(QuarantinedEvent.objects.values_list("pk", flat=True))
    assert {number for number, row in enumerate(rows, start=1) if row.pk in left} == kept


def test_rows_are_deleted_by_their_ids_and_counted_as_removed() -> None:
    rows = [quarantined_event(number) for number in range(5)]
    job = job_of(QuarantineWork.DELETE, ids=[row.pk for row in rows[:3]])

    finish(job, now=LATER)

    removed = bridge.read_counters()["portal_quarantine_removed_total"]
    assert (job.deleted, QuarantinedEvent.objects.count()) == (3, 2)
    assert removed == {("production", ()): {"": 3}}


def test_replayed_rows_are_not_deleted(key: ApiKey) -> None:
    finish(job_of(), now=LATER)

    finish(job_of(QuarantineWork.DELETE), now=LATER)

    assert QuarantinedEvent.objects.count() == 5


@pytest.mark.parametrize(
    "selection", [{"id__gt": 0}, {"payload": {}}, {"ids": [1], "code": "x"}, {"ids": list(range(10_001))}]
)
def test_other_selections_are_refused(selection: dict[str, Any]) -> None:
    with pytest.raises(BadSelection):
        job_of(**selection)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("replay", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("arguments", [["--all"], ["--code", "unknown_event", "--environment", "production"]])
def test_the_command_replays(arguments: list[str], key: ApiKey, clock: datetime) -> None:
    dry = run(*arguments, "--dry-run")
    stored = RawEvent.objects.count()

    said = run(*arguments)

    assert dry.startswith("5 would be accepted, 0 duplicates, 0 rejected again; of 0 a value")
    assert said.startswith("5 are accepted, 0 duplicates, 0 rejected again; of 0 a value")
    assert (stored, RawEvent.objects.count()) == (0, 5)
    assert run(*arguments).startswith("0 are accepted")


def test_the_command_replays_single_events(key: ApiKey, clock: datetime) -> None:
    first = QuarantinedEvent.objects.earliest("pk")

    assert run("--id", str(first.pk)).startswith("1 are accepted")


@pytest.mark.parametrize("arguments", [[], ["--all", "--code", "bad_id"], ["--all", "--id", "1"]])
def test_the_command_wants_to_know_which(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="Say which events"):
        run(*arguments)


@pytest.mark.django_db(transaction=True)
def test_jobs_of_the_same_events_at_once_store_each_event_once(key: ApiKey) -> None:
    jobs = [job_of(), job_of()]

    raised = run_together(*(partial(finish, job, now=LATER) for job in jobs for _ in range(2)))

    assert raised == []
    for job in jobs:
        job.refresh_from_db()
    assert (sum(job.accepted for job in jobs), sum(job.duplicates for job in jobs)) == (5, 0)
    assert list(QuarantinedEvent.objects.values_list("outcome", flat=True)) == ["accepted"] * 5


@pytest.mark.django_db(transaction=True)
def test_a_replay_and_a_resend_at_once_store_each_event_once(key: ApiKey) -> None:
    documents = [event(event_id=f"e-{number}") for number in range(5)]
    job = job_of()

    raised = run_together(
        partial(finish, job, now=LATER), *(partial(post, document, key=key) for document in documents)
    )

    assert raised == []
    job.refresh_from_db()
    assert (job.accepted + job.duplicates, RawEvent.objects.count()) == (5, 5)
