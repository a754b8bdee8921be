import io
import json

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from telemetry.clients.files import FILES
from telemetry.plan import get_plan, json_schema


def export_clients(*arguments):
    output = io.StringIO()
    call_command("export_clients", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def other_plan(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(
        "version: 1\nevents:\n  orders.order_placed: {description: An order., emitted_when: It is placed.}\n"
    )
    return path


def test_what_is_committed_follows_from_the_plan():
    assert export_clients("--check") == f"All {len(FILES)} files follow from the plan.\n"


def test_the_schema_file_is_the_schema_of_the_plan():
    text = (settings.BASE_DIR / "clients/schema/events.schema.json").read_text(encoding="utf-8")

    assert json.loads(text) == json_schema(get_plan())


def test_writes_all_files_of_another_plan_into_a_folder(other_plan, tmp_path):
    folder = tmp_path / "new" / "telemetry"

    output = export_clients("--plan", str(other_plan), "--output", str(folder))

    names = {file.name for file in FILES}

    assert {path.name for path in folder.iterdir()} == names
    assert output.splitlines() == [f"Wrote {folder / file.name}." for file in FILES]
    assert 'self._tracker.track(\n            "orders.order_placed"' in (folder / "events.py").read_text()


def test_writes_nothing_that_is_there_already(other_plan, tmp_path):
    arguments = ("--plan", str(other_plan), "--output", str(tmp_path / "out"))

    export_clients(*arguments)

    assert export_clients(*arguments) == ""
    assert export_clients(*arguments, "--check") == f"All {len(FILES)} files follow from the plan.\n"


def test_check_names_each_file_that_drifted_and_leaves_it_alone(other_plan, tmp_path):
    folder = tmp_path / "out"
    arguments = ("--plan", str(other_plan), "--output", str(folder))
    export_clients(*arguments)
    (folder / "events.md").unlink()

    (folder / "events.py").write_text("edited")

    with pytest.raises(CommandError) as caught:
        export_clients(*arguments, "--check")

    assert str(caught.value).splitlines() == [
        f"{folder / 'events.py'} does not follow from the plan.",
        f"{folder / 'events.md'} is missing.",
        "Run export_clients without --check, and commit the result.",
    ]
    assert (folder / "events.py").read_text() == "edited"


def test_another_plan_does_not_overwrite_the_projects_files(other_plan):
    with pytest.raises(CommandError, match="--plan needs --output"):
        export_clients("--plan", str(other_plan))


def test_fails_with_the_faults_of_a_plan(tmp_path):
    path = tmp_path / "plan.yaml"

    path.write_text("version: 0\n")

    with pytest.raises(CommandError, match=r"plan\.yaml:1: version: is missing or is not a whole number"):
        export_clients("--plan", str(path), "--output", str(tmp_path))
