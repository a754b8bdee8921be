from datetime import timedelta

import pytest

from telemetry.admin.formatting import compact_duration, pretty_json


def test_json_is_indented_and_escaped() -> None:
    shown = pretty_json({"name": "<script>", "list": [1]})

    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "\n  &quot;name&quot;" in shown


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=-3), "0 s"),
        (timedelta(milliseconds=1400), "1 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=4, seconds=10), "4 min 10 s"),
        (timedelta(hours=2, minutes=5, seconds=9), "2 h 5 min"),
        (timedelta(hours=2, seconds=9), "2 h"),
        (timedelta(days=61, hours=3), "61 d 3 h"),
    ],
)
def test_durations_are_told_in_two_units(duration: timedelta, words: str) -> None:
    assert compact_duration(duration) == words
