from datetime import timedelta
from zoneinfo import ZoneInfo

from pages.runs.detail_texts import error_bars
from tests.builders import NOW
from workbench.runs.errors import LOOKED_BACK, SameError


def test_the_bars_of_an_error_show_all_runs_that_are_counted() -> None:
    since = NOW - LOOKED_BACK
    same = SameError(
        error_type="Timeout",
        since=since,
        moments=[NOW, NOW - timedelta(days=1), since, since],
        workflows=[],
        is_more=False,
        first=None,
        last=None,
    )

    bars = error_bars(same, zone=ZoneInfo("UTC"), now=NOW)

    assert [bar.label for bar in bars] == ["1 Feb 2026: 2", "14 Feb 2026: 1", "15 Feb 2026: 1"]
