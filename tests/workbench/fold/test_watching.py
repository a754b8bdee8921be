import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest

from config.logs import JsonFormatter
from telemetry.models import Arrival
from tests.builders import event, minutes, store
from tests.recording import recording
from workbench.fold import pending, watching

pytestmark = pytest.mark.django_db

CHAT = "workbench.chat_message_sent"


def arrivals(count: int) -> list[Arrival]:
    return [store(event(CHAT, minutes(number))) for number in range(count)]


def link(arrival: Arrival, *, number: int) -> None:
    arrival.traceparent = f"00-{number:032x}-{number:016x}-01"
    arrival.save(update_fields=["traceparent"])


def test_a_fold_links_to_the_posts_whose_arrivals_it_takes(now: datetime) -> None:
    first, _, third = arrivals(3)
    link(first, number=1)
    link(third, number=2)

    with recording() as recorded:
        pending.fold_pending(now=now)
        (fold,) = recorded.named("fold")

    assert [(link.context.trace_id, link.context.span_id) for link in fold.links] == [(1, 1), (2, 2)]
    assert dict(fold.attributes or {}) == {
        "portal.environment": "production",
        "portal.arrivals": 3,
        "portal.events": 3,
    }


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def test_a_fold_that_fails_says_which_arrivals_it_took(
    now: datetime, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise ValueError("marker")

    ids = [arrival.pk for arrival in arrivals(2)]
    monkeypatch.setattr(pending, "stage", fail)

    with recording(), pytest.raises(ExceptionGroup):
        pending.fold_pending(now=now)

    line = json.loads(log.getvalue().splitlines()[0])
    assert line["arrival_ids"] == ids
    assert (len(line["trace_id"]), len(line["span_id"])) == (32, 16)
    assert line["exception"]["type"] == "ValueError"
    assert "marker" not in log.getvalue()


@pytest.mark.parametrize("excess", [0, 1])
def test_a_log_line_names_so_many_arrivals_at_most(
    now: datetime, log: io.StringIO, monkeypatch: pytest.MonkeyPatch, excess: int
) -> None:
    monkeypatch.setattr(watching, "MOST_IDS", 2)
    monkeypatch.setattr(pending, "stage", None)
    ids = [arrival.pk for arrival in arrivals(2 + excess)]

    with pytest.raises(ExceptionGroup):
        pending.fold_pending(now=now)

    assert json.loads(log.getvalue().splitlines()[0])["arrival_ids"] == ids[:2]
