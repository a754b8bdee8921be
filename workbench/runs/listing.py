"""The runs of an environment, newest first, a page at a time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from workbench.buckets import EPOCH
from workbench.models import ApprovalRequest, WorkflowRun
from workbench.runs.filters import BadRunFilter, RunConditions, with_workflow
from workbench.runs.lengths import MICROSECOND, so_far, taken
from workbench.runs.states import ACTIVE, RunState, is_inferred, state_of
from workbench.runs.totals import RunTotals, estimated_cost, totals_of
from workbench.runs.usual import Usual, is_slow, usual_durations

PAGE_SIZE = 50
MOST_ON_A_PAGE = 200
# The newest runs of an environment, of which the suggestions for filters are.
SUGGESTED_FROM = 1_000


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """A place between two runs: beside the run of that moment and primary key. On the newer side if `is_newer`."""

    moment: datetime
    pk: int
    is_newer: bool = False

    @classmethod
    def beside(cls, run: WorkflowRun, *, is_newer: bool) -> Self:
        if run.first_seen_at is None:
            raise ValueError("a run without a first moment is not listed")
        return cls(moment=run.first_seen_at, pk=run.pk, is_newer=is_newer)

    @classmethod
    def read(cls, text: str, *, is_newer: bool) -> Self | None:
        """Of `str(cursor)`; None for "". Raises BadRunFilter."""
        if not text:
            return None
        found = re.fullmatch(r"([0-9]{1,17})-([0-9]{1,18})", text)
        if found is None:
            raise BadRunFilter(
                _("It takes what a page's link gives."), field="newer" if is_newer else "older"
            )
        return cls(moment=EPOCH + timedelta(microseconds=int(found[1])), pk=int(found[2]), is_newer=is_newer)

    def __str__(self) -> str:
        return f"{(self.moment - EPOCH) // MICROSECOND}-{self.pk}"


@dataclass(frozen=True, kw_only=True)
class ListedRun:
    """A run with what the list says of it. `microseconds` is how long it took, or takes until now.

    `cost` is in micro-dollars. `is_waiting`: it has not completed, and nobody has decided on an approval of it.
    """

    run: WorkflowRun
    workflow: str
    state: RunState
    is_inferred: bool
    microseconds: int | None
    usual: Usual | None
    totals: RunTotals
    cost: int | None
    is_cost_estimated: bool
    is_waiting: bool = False

    @property
    def is_slow(self) -> bool:
        """Whether it took, or already takes, longer than is usual. Who was last heard of long ago is not judged."""
        is_judged = self.state in {RunState.COMPLETED, RunState.RUNNING}
        return is_judged and is_slow(self.microseconds, usual=self.usual)


@dataclass(frozen=True, kw_only=True)
class RunPage:
    """`newer` and `older` lead to the pages beside it; None where there is none."""

    runs: Sequence[ListedRun]
    newer: Cursor | None
    older: Cursor | None

    @property
    def has_active(self) -> bool:
        return any(listed.state in ACTIVE for listed in self.runs)


@dataclass(frozen=True, kw_only=True)
class Suggestions:
    """What the newest runs have, sorted."""

    workflows: Sequence[str]
    triggers: Sequence[str]
    errors: Sequence[str]


def list_runs(
    runs_filter: RunConditions,
    *,
    environment: str,
    now: datetime,
    cursor: Cursor | None = None,
    size: int = PAGE_SIZE,
) -> RunPage:
    """A page of `size` runs at most. Five queries at most; six where a page of newer runs turns out to be the first."""
    chosen = runs_filter.choose(environment=environment, now=now)
    if cursor is not None and cursor.is_newer:
        rows = list(newer_than(chosen, cursor)[: size + 1])
        if len(rows) > size:
            page = rows[size - 1 :: -1]
            return make_page(page, environment=environment, now=now, has_newer=True, has_older=True)
        # Fewer than a page: the first page has them all.
        cursor = None
    rows = list(
        (chosen if cursor is None else older_than(chosen, cursor)).order_by("-first_seen_at", "-pk")[
            : size + 1
        ]
    )
    return make_page(
        rows[:size],
        environment=environment,
        now=now,
        has_newer=cursor is not None,
        has_older=len(rows) > size,
    )


def older_than(runs: QuerySet[WorkflowRun], cursor: Cursor) -> QuerySet[WorkflowRun]:
    # The first condition says no more than the second: it tells the database where in the index to begin.
    return runs.filter(first_seen_at__lte=cursor.moment).filter(
        Q(first_seen_at__lt=cursor.moment) | Q(pk__lt=cursor.pk)
    )


def newer_than(runs: QuerySet[WorkflowRun], cursor: Cursor) -> QuerySet[WorkflowRun]:
    """The nearest first."""
    chosen = runs.filter(first_seen_at__gte=cursor.moment).filter(
        Q(first_seen_at__gt=cursor.moment) | Q(pk__gt=cursor.pk)
    )
    return chosen.order_by("first_seen_at", "pk")


def make_page(
    runs: Sequence[WorkflowRun], *, environment: str, now: datetime, has_newer: bool, has_older: bool
) -> RunPage:
    return RunPage(
        runs=describe_runs(runs, environment=environment, now=now),
        newer=Cursor.beside(runs[0], is_newer=True) if runs and has_newer else None,
        older=Cursor.beside(runs[-1], is_newer=False) if runs and has_older else None,
    )


def describe_runs(runs: Sequence[WorkflowRun], *, environment: str, now: datetime) -> list[ListedRun]:
    """In the given order; the runs have the annotation `workflow`. Four queries at most."""
    waiting = waiting_runs([run.run_id for run in runs if not run.completed_at], environment=environment)
    totals = totals_of([run.run_id for run in runs], environment=environment)
    usual = usual_durations([workflow_of(run) for run in runs], environment=environment)
    return [
        describe_run(
            run,
            totals=totals.get(run.run_id, RunTotals()),
            usual=usual.get(workflow_of(run)),
            is_waiting=run.run_id in waiting,
            now=now,
        )
        for run in runs
    ]


def waiting_runs(run_ids: Sequence[str], *, environment: str) -> set[str]:
    """Those of the runs that wait for a decision."""
    # Index: approval_request_run (run_id, environment).
    requests = ApprovalRequest.objects.filter(run_id__in=run_ids, environment=environment, decided_at=None)
    return set(requests.values_list("run_id", flat=True))


def describe_run(
    run: WorkflowRun, *, totals: RunTotals, usual: Usual | None, is_waiting: bool, now: datetime
) -> ListedRun:
    length = taken(run)
    is_estimated = totals.used.cost is None
    return ListedRun(
        run=run,
        workflow=workflow_of(run),
        state=state_of(run, now=now),
        is_inferred=is_inferred(run),
        microseconds=length if run.completed_at else so_far(run, now=now),
        usual=usual,
        totals=totals,
        cost=estimated_cost(length) if is_estimated else totals.used.cost,
        is_cost_estimated=is_estimated and length is not None,
        is_waiting=is_waiting,
    )


def workflow_of(run: WorkflowRun) -> str:
    """As workbench.labels.WORKFLOW names it."""
    return run.workflow_name or run.workflow_id or "unknown"


def suggestions(*, environment: str) -> Suggestions:
    """One query. Index: workflow_run_listed."""
    newest = with_workflow(WorkflowRun.objects.filter(environment=environment, first_seen_at__isnull=False))
    rows = newest.order_by("-first_seen_at", "-pk").values_list("workflow", "trigger", "error_type")
    found = set(rows[:SUGGESTED_FROM])
    workflows, triggers, errors = (sorted({row[place] for row in found} - {""}) for place in range(3))
    return Suggestions(workflows=workflows, triggers=triggers, errors=errors)
