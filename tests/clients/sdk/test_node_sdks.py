"""@segment/analytics-node, posthog-node and cloudevents post through their own unchanged code."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.clients.sdk.conftest import refused, stored

pytestmark = [pytest.mark.processes, pytest.mark.sdks]

CREATED = "workbench.draft_created"
PROPERTIES = {"source": "chat", "draftId": "d-1"}
COUNTS = {"accepted": 1, "duplicates": 0, "rejected": 0, "results": []}


def test_segment_tracks_are_stored_once(run_node: Callable[[str], Any], moment: datetime) -> None:
    assert run_node("segment-node.mjs") == []
    rows = stored()
    many = {f"n-{number}" for number in range(50)}
    assert {event_id: row for event_id, row in rows.items() if event_id not in many} == {
        "m-1": [CREATED, "s-1", moment, PROPERTIES],
        "m-2": [CREATED, "s-2", moment, PROPERTIES],
        "m-3": [CREATED, "s-3", moment, PROPERTIES],
    }
    assert many <= rows.keys()
    assert Counter(refused()) == {("identify", "unsupported_type"): 1, ("page", "unsupported_type"): 1}


def test_posthog_captures_are_stored_once(run_node: Callable[[str], Any], moment: datetime) -> None:
    reported = run_node("posthog-node.mjs")
    assert (reported["errors"], reported["flags"]) == ([], {})
    first, second = reported["uuids"]
    assert stored() == {
        first: [CREATED, "s-1", moment, PROPERTIES],
        second: [CREATED, "s-2", moment, {"source": "blank"}],
    }
    assert refused() == [("$identify", "unsupported_type")]


def test_cloudevents_are_stored(run_node: Callable[[str], Any], moment: datetime) -> None:
    assert run_node("cloudevents.mjs") == [200, COUNTS, 200, COUNTS]
    assert stored() == {f"e-{number}": [CREATED, "s-1", moment, PROPERTIES] for number in (1, 2)}
