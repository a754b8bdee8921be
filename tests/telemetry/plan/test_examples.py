import json

import pytest

from telemetry.intake.validation import find_valid
from telemetry.plan import get_plan
from telemetry.plan.examples import example_event
from tests.builders import NOW


@pytest.mark.parametrize("name", get_plan().events)
def test_the_door_accepts_the_example_of_each_event(name: str) -> None:
    example = example_event(get_plan().events[name], now=NOW)

    assert find_valid(json.dumps(example).encode(), now=NOW) is not None
    assert list(example.get("properties", {})) == [part.name for part in get_plan().events[name].properties]
