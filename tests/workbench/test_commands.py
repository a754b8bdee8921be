"""The commands that erase and export a subject."""

import json

import pytest
from django.core.management import CommandError, call_command

from telemetry.models import Erasure, RawEvent
from tests.builders import event, fold

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_event() -> None:
    fold(event("workbench.workflow_run_completed", runId="r", draftId="d", status="completed"))


@pytest.mark.parametrize(
    ("subject", "erased"), [("--session=s-1", 1), ("--draft=d", 1), ("--run=r", 1), ("--user=u", 0)]
)
def test_erases_and_prints_the_receipt(capsys: pytest.CaptureFixture[str], subject: str, erased: int) -> None:
    call_command("erase", "--environment=production", subject)

    report = json.loads(capsys.readouterr().out)
    assert (report["state"], report["receipt"]["raw_events_total"]) == ("done", erased)
    assert RawEvent.objects.count() == 1 - erased


def test_a_dry_run_prints_what_would_go(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("erase", "--environment=production", "--run=r", "--dry-run")

    report = json.loads(capsys.readouterr().out)
    assert report["preview"]["rows"] == {"workflow run": 1}
    assert (RawEvent.objects.count(), Erasure.objects.count()) == (1, 0)


def test_keeps_the_aggregates_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("erase", "--environment=production", "--run=r", "--keep-aggregates", "--erase-later")

    report = json.loads(capsys.readouterr().out)
    assert (report["mode"], report["later_events"]) == ("keep", "erase")
    assert report["receipt"]["anonymised"] == {"workflow run": 1, "session": 1}


def test_exports_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("export_subject", "--environment=production", "--run=r")

    exported = json.loads(capsys.readouterr().out)
    assert [row["run_id"] for row in exported["runs"]] == ["r"]
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("command", ["erase", "export_subject"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["--environment=nowhere", "--user=u"],
        ["--environment=production", "--user=a b"],
        ["--environment=production"],
        ["--environment=production", "--user=u", "--run=r"],
        ["--user=u"],
    ],
)
def test_refuses_what_cannot_be(command: str, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command(command, *arguments)

    assert not Erasure.objects.exists()
