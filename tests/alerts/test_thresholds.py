from datetime import timedelta

import msgspec
import pytest
from django.conf import settings

from alerts.thresholds import AlertThreshold, ThresholdFault, ThresholdFile, own_threshold, read_thresholds
from telemetry.models import NoticeSeverity


def file_with(**numbers: float | str) -> ThresholdFile:
    entry = msgspec.structs.replace(
        read_thresholds(settings.THRESHOLDS).alerts[0], alert="Quiet", with_=numbers
    )
    return msgspec.structs.replace(read_thresholds(settings.THRESHOLDS), alerts=(entry,))


def test_the_portals_own_alerts_have_the_numbers_of_the_file() -> None:
    threshold = own_threshold("Quiet", file=file_with(events=3, window="90m"), needs=frozenset({"events"}))

    assert threshold == AlertThreshold(
        name="Quiet", severity=NoticeSeverity.PAGE, numbers={"events": 3}, window=timedelta(minutes=90)
    )


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Loud", file_with(events=3)),
        ("Quiet", file_with(share=0.3)),
        ("Quiet", file_with(events=3, window="soon")),
        ("Quiet", file_with(events=3, window="")),
    ],
)
def test_says_what_is_missing_for_the_portals_own_alerts(name: str, file: ThresholdFile) -> None:
    with pytest.raises(ThresholdFault, match=r"Loud|Quiet|duration"):
        own_threshold(name, file=file, needs=frozenset({"events"}))
