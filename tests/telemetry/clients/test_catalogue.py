import json
import re
from datetime import UTC, datetime

import pytest

from telemetry.clients.catalogue import event_catalogue
from telemetry.intake.validation import ValidEvent, check_event
from telemetry.plan import get_plan, parse_plan

MOMENT = datetime(2026, 2, 2, 12, tzinfo=UTC)


def examples():
    return re.findall(r"```json\n(.*)\n```", event_catalogue(get_plan()))


def test_has_an_example_of_every_event():
    assert [json.loads(example)["event"] for example in examples()] == list(get_plan().events)


@pytest.mark.parametrize("example", examples())
def test_the_door_takes_every_example(example):
    verdict = check_event(example.encode(), now=MOMENT)

    assert isinstance(verdict, ValidEvent)
    assert verdict.warnings == ()


def test_every_event_of_the_list_has_its_section():
    page = event_catalogue(get_plan())
    targets = re.findall(r"^- \[.*\]\(#(.*?)\)", page, re.MULTILINE)

    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)

    assert targets == [heading.replace(".", "") for heading in headings]
    assert len(targets) == len(get_plan().events)


def test_says_what_a_property_takes():
    page = event_catalogue(get_plan())

    assert "| `source`* | `chat`, `template`, `blank` | What the draft was made from. |" in page
    assert "| `nodeCount` | a whole number, 0 to 2147483647 | Nodes in the draft. |" in page
    assert "| `toolIds`* | a list of at most 50 ids | The tools that the approval is about. |" in page
    assert "| `userId` | an id, at most 128 characters; kept as a keyed hash |" in page


def test_keeps_a_table_whole_and_names_what_is_deprecated():
    plan = parse_plan(
        """
version: 1
events:
  a.b:
    description: One | two.
    emitted_when: "Over\\nlines."
    deprecated: {until: 2030-12-31, instead: a.c}
    optional:
      x: {type: bool, description: Yes | no., deprecated: {until: 2029-01-01}}
""",
        name="plan.yaml",
    )

    page = event_catalogue(plan)

    assert (
        "One \\| two. Sent when: Over lines. **Deprecated**: rejected after 2030-12-31. Send a.c instead."
        in page
    )
    assert "| `x` | true or false | Yes \\| no. **Deprecated**: rejected after 2029-01-01. |" in page
    assert '"properties": {}' in page
