"""Links of spans are kept for a week."""

from datetime import datetime, timedelta

import pytest

from telemetry.lifecycle.retention import span_links
from telemetry.models import SpanLink
from tests import rows as made

pytestmark = pytest.mark.django_db


def test_links_older_than_a_week_are_forgotten_in_steps(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span_links, "LINKS_PER_STEP", 2)
    for number, age in enumerate(
        (timedelta(days=7), timedelta(days=7, microseconds=1), *[timedelta(days=9)] * 4)
    ):
        made.BUILDERS[SpanLink](number)
        SpanLink.objects.filter(trace_id=f"{number:032x}").update(received_at=now - age)

    assert span_links.forget_links(now=now) == 5
    assert SpanLink.objects.get().received_at == now - timedelta(days=7)
    assert span_links.forget_links(now=now) == 0
