from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from metrics.collector import snapshots
from metrics.recorder import ObjectiveRecorder, record_once
from metrics.requests import note_answer, note_refusal
from objectives.models import ObjectiveCount
from telemetry.counters.bridge import Increment, increase
from tests.builders import NOW, table
from tests.kpis.builders import make_environment

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def fresh_snapshots() -> None:
    snapshots.forget()


@pytest.fixture
def recorder() -> ObjectiveRecorder:
    """One that has recorded what tests before this one counted in the process."""
    recorder = ObjectiveRecorder()
    recorder.record(now=NOW - MINUTE)
    ObjectiveCount.objects.all().delete()
    return recorder


def post(*, status: int, seconds: float = 0.01) -> None:
    note_answer(route="telemetry:ingest", method="POST", status=status, seconds=seconds)


def counts() -> list[tuple[object, ...]]:
    return table(ObjectiveCount, "objective", "environment", "start", "good", "total")


def test_records_posts_by_their_answer_and_their_time(recorder: ObjectiveRecorder) -> None:
    post(status=200)
    post(status=400, seconds=0.3)
    post(status=503, seconds=0.301)
    note_answer(route="overview", method="GET", status=500, seconds=9)

    recorder.record(now=NOW)

    assert counts() == [("ingest-availability", "", NOW, 2, 3), ("ingest-latency", "", NOW, 2, 3)]


def test_a_post_that_was_refused_before_the_application_counts_too(recorder: ObjectiveRecorder) -> None:
    note_refusal(path="/api/workbench/telemetry", method="POST", status=503)
    note_refusal(path="/nowhere", method="POST", status=503)

    recorder.record(now=NOW)

    assert ("ingest-availability", "", NOW, 0, 1) in counts()


def test_records_what_the_fold_counted_and_how_fresh_kpis_are(recorder: ObjectiveRecorder) -> None:
    make_environment(computed_until=NOW - timedelta(seconds=59))
    increase([Increment("workflow_runs_total", "production", ("completed", "manual"), amount=7)])
    recorder.record(now=NOW)
    increase(
        [
            Increment("workflow_runs_total", "production", ("completed", "manual"), amount=3),
            Increment("workflow_runs_total", "production", ("failed", "manual")),
        ]
    )
    recorder.record(now=NOW + MINUTE)

    # What was there when it was seen first is from before.
    assert counts() == [
        ("kpi-freshness", "production", NOW, 1, 1),
        ("kpi-freshness", "production", NOW + MINUTE, 0, 1),
        ("workflow-success", "production", NOW + MINUTE, 3, 4),
    ]


def test_states_that_could_not_be_read_are_recorded_later_in_the_minute(
    recorder: ObjectiveRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_environment(computed_until=NOW)
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "get", lambda *, now: SimpleNamespace(has_failed=True))
        recorder.record(now=NOW)

    recorder.record(now=NOW + timedelta(seconds=10))

    assert counts() == [("kpi-freshness", "production", NOW, 1, 1)]


def sharing(folder: Path) -> tuple[ObjectiveRecorder, ObjectiveRecorder]:
    return ObjectiveRecorder(folder=folder), ObjectiveRecorder(folder=folder)


def end(recorder: ObjectiveRecorder) -> None:
    """What the system does with the lock when the process ends."""
    assert recorder.lock is not None
    recorder.lock.close()


def test_of_processes_that_share_a_folder_one_records_and_another_takes_over(tmp_path: Path) -> None:
    first, second = sharing(tmp_path)
    first.record(now=NOW)

    assert (first.is_its_turn(), second.is_its_turn()) == (True, False)

    end(first)

    assert second.is_its_turn()
    assert second.own_source == first.own_source
    end(second)


def test_what_was_recorded_is_not_recorded_again_by_the_one_who_takes_over(tmp_path: Path) -> None:
    first, second = sharing(tmp_path)
    post(status=200)
    first.record(now=NOW)
    before = counts()
    end(first)

    second.record(now=NOW + MINUTE)

    assert counts() == before
    end(second)


def test_goes_on_after_a_fault(
    recorder: ObjectiveRecorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("password=secret")

    monkeypatch.setattr("metrics.recorder.connection.close", lambda: None)
    with monkeypatch.context() as patch:
        patch.setattr("metrics.recorder.record_levels", fail)
        post(status=200)
        record_once(recorder)

    assert "OperationalError" in caplog.text
    assert "secret" not in caplog.text
    recorder.record(now=NOW)
    assert ("ingest-availability", "", NOW, 1, 1) in counts()
