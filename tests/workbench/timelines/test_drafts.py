import pytest

from telemetry.models import RawEvent
from tests.builders import event, fold, minutes
from tests.workbench.timelines.builders import full_session
from workbench.timelines.drafts import DraftDetail, UnknownDraft, read_draft

pytestmark = pytest.mark.django_db


def read(draft_id: str = "d-1", *, environment: str = "production") -> DraftDetail:
    return read_draft(draft_id, environment=environment)


def names(detail: DraftDetail) -> list[str]:
    return [item.event.partition(".")[2] for item in detail.timeline.events]


def test_has_the_events_that_name_it_in_all_its_sessions_and_its_runs() -> None:
    fold(*full_session(), event("workbench.draft_edited", minutes(20), session="s-2", draftId="d-1"))

    detail = read()

    assert detail.sessions == ["s-1", "s-2"]
    assert [run.run_id for run in detail.runs] == ["r-1"]
    assert names(detail) == [
        "template_suggested",
        "draft_created",
        "draft_edited",
        "draft_accepted",
        "workflow_run_started",
        "workflow_run_completed",
        "draft_edited",
    ]


def test_tells_what_is_kept_of_it_when_raw_events_are_gone() -> None:
    fold(*full_session())
    RawEvent.objects.all().delete()

    assert names(read()) == [
        "draft_created",
        "draft_edited",
        "draft_accepted",
        "workflow_run_started",
        "workflow_run_completed",
    ]


def test_says_that_its_creation_is_one_without_an_id() -> None:
    fold(
        event("workbench.draft_created", minutes(0), source="template"),
        event("workbench.draft_accepted", minutes(1), draftId="d-1"),
    )

    detail = read()

    assert (detail.is_paired, detail.created_at, detail.source) == (True, minutes(0), "template")


def test_a_draft_that_only_a_run_names_is_known() -> None:
    fold(event("workbench.workflow_run_started", runId="r-1", draftId="d-1"))

    assert (read().draft, names(read())) == (None, ["workflow_run_started"])


@pytest.mark.parametrize(
    ("draft_id", "environment"), [("d-2", "production"), ("d-1", "staging"), ("\0", "x")]
)
def test_another_environment_does_not_have_it(draft_id: str, environment: str) -> None:
    fold(*full_session())

    with pytest.raises(UnknownDraft):
        read(draft_id, environment=environment)
