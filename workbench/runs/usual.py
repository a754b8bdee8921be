"""What is usual for a workflow: how long its last completed runs took."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from django.db import connection

from workbench.dialect import Dialect, current
from workbench.durations import RUN
from workbench.labels import WORKFLOW
from workbench.models import WorkflowRun

# Below the smallest sample nothing is called usual.
SAMPLE = 50
SMALLEST_SAMPLE = 20
# So many of the newest runs of a workflow are searched for completed ones.
SEARCHED = 500


@dataclass(frozen=True, kw_only=True)
class Usual:
    """Durations in microseconds; `runs` is how many completed runs they are of."""

    runs: int
    p50: int
    p95: int


def usual_durations(workflows: Iterable[str], *, environment: str) -> dict[str, Usual]:
    """By workflow (as workbench.labels.WORKFLOW names it); one that completed too few runs is left out. One query."""
    names = sorted(set(workflows))
    if not names:
        return {}
    taken = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            statement(len(names), dialect=current()),
            [part for name in names for part in (name, name, environment)],
        )
        for name, microseconds in cursor.fetchall():
            taken[name].append(int(microseconds))
    return {name: usual for name, durations in taken.items() if (usual := usual_of(durations))}


def statement(workflows: int, *, dialect: Dialect) -> str:
    """A SELECT of (workflow, microseconds). Index: workflow_run_of_workflow, read once for each workflow."""
    of_one = f"""
SELECT * FROM (
  SELECT %s AS name, {RUN.microseconds(dialect)} AS taken FROM (
    SELECT id, started_at, completed_at, duration_ms, status, first_seen_at FROM {WorkflowRun._meta.db_table}
    WHERE {WORKFLOW} = %s AND environment = %s
    ORDER BY first_seen_at DESC, id DESC LIMIT {SEARCHED}
  ) AS newest
  WHERE status = 'completed' AND {RUN.counts}
  ORDER BY first_seen_at DESC, id DESC LIMIT {SAMPLE}
) AS sample"""
    return " UNION ALL ".join([of_one] * workflows)


def usual_of(durations: Sequence[int]) -> Usual | None:
    """None for a sample that is too small."""
    if len(durations) < SMALLEST_SAMPLE:
        return None
    ordered = sorted(durations)
    return Usual(runs=len(ordered), p50=percentile(ordered, 50), p95=percentile(ordered, 95))


def percentile(ordered: Sequence[int], percent: int) -> int:
    """By nearest rank: the smallest value that at least `percent` per cent of the values do not exceed."""
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


def is_slow(microseconds: int | None, *, usual: Usual | None) -> bool:
    """Whether it took longer than 95 of 100 runs usually do."""
    return microseconds is not None and usual is not None and microseconds > usual.p95
