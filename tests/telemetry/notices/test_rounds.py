from datetime import timedelta

import pytest

from telemetry import tasks
from telemetry.models import Notice, RejectionHour
from telemetry.notices import rounds
from tests.builders import NOW, make_key
from tests.rows import BUILDERS, MOMENT

pytestmark = pytest.mark.django_db


@pytest.mark.usefixtures("clock")
def test_the_task_looks_and_sends() -> None:
    make_key(expires_at=NOW + timedelta(days=1))

    tasks.send_notices()

    assert Notice.objects.get().done_at == NOW


def test_a_search_that_fails_stops_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    make_key(expires_at=NOW + timedelta(days=1))

    def fail(**options: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(rounds, "find_new_kinds", fail)

    with pytest.raises(ExceptionGroup) as caught:
        rounds.make_round(now=NOW)

    assert [str(fault) for fault in caught.value.exceptions] == ["broken"]
    assert Notice.objects.get().done_at == NOW


@pytest.mark.parametrize(("seconds", "left"), [(0, 1), (1, 0)])
def test_hours_that_no_notice_asks_for_are_deleted(seconds: int, left: int) -> None:
    BUILDERS[RejectionHour](0)

    rounds.make_round(now=MOMENT.replace(minute=0) + timedelta(days=31, seconds=seconds))

    assert RejectionHour.objects.count() == left
