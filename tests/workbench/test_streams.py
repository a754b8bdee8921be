"""Which streams of app servers are open: neither order nor time nor a server's death can leave one open for ever."""

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.builders import event, fold_one_by_one, make_key, store, table
from workbench import streams
from workbench.fold import pending
from workbench.models import AppServerStream
from workbench.streams import OPEN_FOR, open_streams

pytestmark = pytest.mark.django_db

NOW = datetime.fromisoformat("2026-02-02T10:00:00Z")
SECOND = timedelta(seconds=1)


def opened(seconds: float, stream: str = "st", session: str = "server-1") -> dict[str, Any]:
    return event("appserver.stream_opened", NOW + seconds * SECOND, session=session, streamId=stream)


def closed(seconds: float, stream: str = "st", session: str = "server-1") -> dict[str, Any]:
    return event("appserver.stream_closed", NOW + seconds * SECOND, session=session, streamId=stream)


def worker(seconds: float, state: str, session: str = "server-1") -> dict[str, Any]:
    return event(
        "appserver.worker_state_changed", NOW + seconds * SECOND, session=session, workerId="w", state=state
    )


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([opened(-9)], 1, id="opened"),
        pytest.param([opened(-9), closed(-3)], 0, id="closed"),
        pytest.param([closed(-3)], 0, id="its opening never came"),
        pytest.param([opened(-9), closed(-9, "other")], 1, id="another one closed"),
        pytest.param([opened(-9), worker(-3, "restarting")], 0, id="its worker is restarted"),
        pytest.param([opened(-9), worker(-3, "stopped")], 0, id="its worker stopped"),
        pytest.param([opened(-9), worker(-4, "restarting"), worker(-3, "ready")], 0, id="it was restarted"),
        pytest.param([opened(-9), worker(-9, "ready")], 1, id="its worker was ready at that moment"),
        pytest.param([opened(-9), worker(-10, "ready")], 1, id="its worker was ready before"),
        pytest.param([opened(-9), worker(-3, "restarting", "server-2")], 1, id="another instance restarts"),
    ],
)
def test_a_stream_is_open_until_it_closes_or_its_server_starts_anew(
    events: list[dict[str, Any]], expected: int
) -> None:
    for number, order in enumerate(itertools.permutations(events)):
        environment = f"order-{number}"
        fold_one_by_one(*order, environment=environment)

        assert open_streams(now=NOW)[environment] == expected


@pytest.mark.parametrize(("late", "expected"), [(timedelta(), 1), (timedelta(microseconds=1), 0)])
def test_a_stream_that_nobody_closes_is_over_after_a_day(late: timedelta, expected: int) -> None:
    fold_one_by_one(opened(0))

    assert open_streams(now=NOW + OPEN_FOR + late)["production"] == expected


def test_environments_keep_their_streams_apart() -> None:
    fold_one_by_one(opened(0), environment="staging")
    make_key(environment="production")

    assert open_streams(now=NOW) == {"production": 0, "staging": 1}


def test_open_streams_are_counted_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "OPEN_LIMIT", 2)
    fold_one_by_one(*(opened(0, f"st-{number}") for number in range(3)))

    assert open_streams(now=NOW) == {"production": 2}


def test_the_fold_forgets_streams_that_cannot_be_open() -> None:
    fold_one_by_one(opened(0, "old"), opened(1, "new"), closed(0, "closed"))
    store(opened(2, "newest"))

    pending.fold_pending(now=NOW + OPEN_FOR + SECOND / 2)

    assert table(AppServerStream, "stream_id") == [("new",), ("newest",)]


def test_a_late_event_of_a_forgotten_stream_does_not_open_it() -> None:
    later = NOW + OPEN_FOR + SECOND
    fold_one_by_one(closed(0))
    streams.forget_streams("production", now=later)
    fold_one_by_one(opened(-1))

    assert open_streams(now=later) == {"production": 0}
