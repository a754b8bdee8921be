"""What a client probably meant by a name that the plan does not have."""

import pytest

from telemetry.plan import get_plan
from telemetry.plan.suggestions import NameIndex, index_of_values, words_of

PLAN = get_plan()


@pytest.mark.parametrize(
    "name",
    ["draftCreated", "draft_created", "DraftCreated", "Draft Created", "DRAFT-CREATED", "draft.created"],
)
def test_one_name_is_written_in_many_ways(name: str) -> None:
    assert words_of(name) == ("draft", "created")


@pytest.mark.parametrize(
    "name",
    [
        "draft_created",
        "draftCreated",
        "Draft Created",
        "created_draft",
        "WORKBENCH.DRAFT_CREATED",
        "workbench.draftCreated",
        "workbench_draft_created",
        "workbenchdraftcreated",
        "workbench.draft_create",
        "workbench.draft_craeted",
        "worbench.drft_creatd",
    ],
)
def test_an_event_is_found_by_what_people_write(name: str) -> None:
    assert PLAN.name_index.find(name) == "workbench.draft_created"


@pytest.mark.parametrize(
    "name", ["", "…", "page_view", "draft", "workbench.", "workbench.nonsense", "a" * 65]
)
def test_what_is_like_no_event_is_not_found(name: str) -> None:
    assert PLAN.name_index.find(name) is None


@pytest.mark.parametrize("name", PLAN.events)
def test_every_event_is_found_in_title_case_without_its_first_part(name: str) -> None:
    title = " ".join(words_of(name)[1:]).title()

    assert PLAN.name_index.find(title) == name


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("run_id", "runId"),
        ("RunID", "runId"),
        ("agent_run_id", "agentRunId"),
        ("duration", "durationMs"),
        ("cost", "costUsd"),
        ("sttus", "status"),
        ("tokens", None),
        ("colour", None),
    ],
)
def test_a_property_is_found_with_and_without_its_unit(name: str, found: str | None) -> None:
    assert PLAN.events["agent.run_completed"].property_index.find(name) == found


@pytest.mark.parametrize(
    ("value", "found"), [("Chat", "chat"), ("caht", "chat"), ("cat", "chat"), ("mail", None)]
)
def test_a_value_is_found_by_its_letters(value: str, found: str | None) -> None:
    assert index_of_values(("chat", "template", "blank")).find(value) == found


def test_what_may_mean_two_names_means_none() -> None:
    index = NameIndex(((("run", "a"), "runA"), (("run", "b"), "runB")))

    assert (index.find("run_a"), index.find("run")) == ("runA", None)
