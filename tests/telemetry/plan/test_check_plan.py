import io
import re

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.core.management import CommandError, call_command

from telemetry.plan import get_compiled_plan, read_plan


@pytest.fixture
def running_plan(settings):
    """Runs another plan for the length of a test."""

    def run(path):
        settings.TRACKING_PLAN = path
        get_compiled_plan.cache_clear()

    yield run
    get_compiled_plan.cache_clear()


@pytest.fixture
def other_plan(tmp_path):
    def write(before="", after=""):
        path = tmp_path / "plan.yaml"
        path.write_text(settings.TRACKING_PLAN.read_text(encoding="utf-8").replace(before, after), "utf-8")
        return path

    return write


def check_plan(*arguments):
    output = io.StringIO()
    call_command("check_plan", *arguments, stdout=output)
    return output.getvalue()


def test_says_that_the_running_plan_is_good():
    assert check_plan() == "The plan is good: 25 events with 114 properties, 19 metrics.\n"


def test_says_that_another_plan_is_good_and_compatible(other_plan):
    path = other_plan("[chat, template, blank]", "[chat, template, blank, import]")

    assert check_plan(path) == (
        "The plan is good: 25 events with 114 properties, 19 metrics. It is compatible with the running plan.\n"
    )


def test_fails_with_the_faults_of_another_plan(other_plan):
    path = other_plan("toolId: {type: id,", "toolId: {type: it,")

    with pytest.raises(
        CommandError, match=r"^plan\.yaml:\d+: vocabulary\.toolId\.type: is missing or unknown"
    ):
        check_plan(path)


def test_fails_with_what_another_plan_would_break(other_plan):
    path = other_plan("[library, chat_suggestion]", "[library]")

    with pytest.raises(CommandError) as caught:
        check_plan(path)

    assert str(caught.value) == "workbench.template_viewed.source: the value chat_suggestion was removed."
    assert caught.value.returncode == 1


def test_fails_on_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        check_plan(tmp_path / "nowhere.yaml")


def test_fails_with_the_faults_of_the_running_plan(running_plan, other_plan):
    running_plan(other_plan("version: 1", "version: 0"))

    with pytest.raises(CommandError, match="version: is missing or is not a whole number"):
        check_plan()


def test_a_system_check_stops_the_start_with_a_faulty_plan(running_plan, other_plan):
    running_plan(other_plan("version: 1", "version: 0"))

    [error] = [check for check in run_checks() if check.id == "telemetry.E001"]

    assert re.fullmatch(r"plan\.yaml:\d+: version: is missing or is not a whole number from 1\.", error.msg)
    assert "TRACKING_PLAN" in error.hint


def test_the_system_check_passes_with_the_plan_that_the_portal_ships():
    assert not [check for check in run_checks() if check.id == "telemetry.E001"]


@pytest.fixture
def portal(monkeypatch):
    """Another portal runs the plan that the test gives it."""

    def run(path):
        def fetch(url, *, key):
            assert (url, key) == ("https://portal.example.com", "wb_key")
            return read_plan(path)

        monkeypatch.setenv("WORKBENCH_KEY", "wb_key")
        monkeypatch.setattr("telemetry.management.commands.check_plan.fetch_plan", fetch)

    return run


def test_says_that_another_portal_takes_all_that_a_plan_allows(portal, other_plan):
    mine = settings.TRACKING_PLAN

    portal(other_plan("[chat, template, blank]", "[chat, template, blank, import]"))

    assert check_plan(mine, "--against", "https://portal.example.com") == (
        "The plan is good: 25 events with 114 properties, 19 metrics. "
        "The portal at https://portal.example.com takes all that it allows.\n"
    )


def test_fails_with_what_another_portal_would_refuse(portal, other_plan, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        settings.TRACKING_PLAN.read_text(encoding="utf-8")
        .replace("[chat, template, blank]", "[chat, template, blank, import]")
        .replace("workflow.created:", "workflow.made:"),
        "utf-8",
    )

    portal(settings.TRACKING_PLAN)

    with pytest.raises(CommandError) as caught:
        check_plan(mine, "--against", "https://portal.example.com")

    assert str(caught.value).splitlines() == [
        "From this plan to that of https://portal.example.com:",
        "workbench.draft_created.source: the value import was removed.",
        "workbench.draft_accepted.source: the value import was removed.",
        "workbench.draft_rejected.source: the value import was removed.",
        "workflow.made: the event was removed.",
    ]


def test_fails_when_there_is_no_portal():
    with pytest.raises(CommandError, match="there is no plan to be read"):
        check_plan("--against", "http://127.0.0.1:9")


def test_refuses_a_metric_whose_stored_counts_would_be_lost(other_plan):
    path = other_plan(
        "    labels:\n      status: status\n      trigger: trigger\n", "    labels: {status: status}\n"
    )

    with pytest.raises(CommandError, match="workflow_runs_total: the labels or their order changed"):
        check_plan(str(path))
