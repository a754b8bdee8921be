"""The same durations count, on both databases, for whoever asks."""

from datetime import datetime, timedelta

import pytest

from tests.builders import MOMENT, minutes
from workbench.dialect import current
from workbench.durations import RUN
from workbench.models import WorkflowRun

pytestmark = pytest.mark.django_db

MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("started_at", "duration_ms", "microseconds", "exclusion"),
    [
        pytest.param(MOMENT - MICROSECOND, None, 1, None, id="just before the end"),
        pytest.param(MOMENT, None, 0, None, id="at the end"),
        pytest.param(MOMENT + MICROSECOND, None, -1, "early", id="just after the end"),
        pytest.param(None, None, None, "no start", id="no start"),
        pytest.param(None, 0, 0, None, id="reported as none at all"),
        pytest.param(None, 1, 1_000, None, id="reported without a start"),
        pytest.param(minutes(1), 1, 1_000, None, id="reported though the end comes first"),
    ],
)
def test_a_duration_counts_unless_it_is_below_zero_or_not_known(
    started_at: datetime | None, duration_ms: int | None, microseconds: int | None, exclusion: str | None
) -> None:
    reason = RUN.exclusion(without_start="no start", ended_early="early")
    WorkflowRun.objects.create(
        environment="production",
        run_id="r-1",
        started_at=started_at,
        completed_at=MOMENT,
        duration_ms=duration_ms,
    )

    [found] = WorkflowRun.objects.raw(
        f"SELECT id, {RUN.microseconds(current())} AS microseconds, {RUN.counts} AS counts, {reason} AS exclusion"
        " FROM workbench_workflowrun"
    )

    assert (found.microseconds, found.exclusion) == (microseconds, exclusion)
    assert bool(found.counts) is (exclusion is None)


def test_a_thing_without_end_has_no_duration_that_counts() -> None:
    WorkflowRun.objects.create(environment="production", run_id="r-1", started_at=MOMENT)

    [found] = WorkflowRun.objects.raw(f"SELECT id, {RUN.counts} AS counts FROM workbench_workflowrun")

    assert not found.counts
