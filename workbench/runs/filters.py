"""Which runs are asked for, and the conditions in SQL that choose them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, CharField, Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from workbench.dialect import current
from workbench.durations import RUN
from workbench.labels import UNKNOWN, WORKFLOW
from workbench.models import AgentRun, WorkflowRun
from workbench.runs.states import RunState, news_expression, states_condition

# So many values may be given for one filter, and so long may each be.
MOST_VALUES = 20
LONGEST_VALUE = 200
UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
# Longer than any run; its microseconds fit into the databases' integers.
MOST_SECONDS = 10 * 365 * 86400


class BadRunFilter(ValueError):
    """A filter cannot be read; `field` is the parameter's name."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Values of which a run must have one, and values that it must not have; empty: any will do."""

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.wanted or self.unwanted)


@dataclass(frozen=True, kw_only=True)
class RunConditions:
    """The runs that are asked for, within one environment.

    The durations are in seconds: `longest` is included, as `shortest` is. `start` is included, `end` is not: both
    are moments of `first_seen_at`. An empty `run_id` leaves no run out.
    """

    status: Choice = Choice()
    workflow: Choice = Choice()
    trigger: Choice = Choice()
    error: Choice = Choice()
    # One agent run has one of these names and one of these error types, where both are wanted.
    agent: Choice = Choice()
    agent_error: Choice = Choice()
    shortest: float | None = None
    longest: float | None = None
    start: datetime | None = None
    end: datetime | None = None
    run_id: str = ""

    def choose(self, *, environment: str, now: datetime) -> QuerySet[WorkflowRun]:
        """The runs of the environment, in no order. Index: workflow_run_listed, or that of the narrowest filter."""
        runs = with_workflow(WorkflowRun.objects.filter(environment=environment, first_seen_at__isnull=False))
        runs = runs.annotate(news_at=news_expression())
        if self.run_id:
            runs = runs.filter(run_id=self.run_id)
        if self.start is not None:
            runs = runs.filter(first_seen_at__gte=self.start)
        if self.end is not None:
            runs = runs.filter(first_seen_at__lt=self.end)
        runs = self._choose_values(runs, now=now)
        runs = self._choose_agents(runs)
        return self._choose_durations(runs)

    def _choose_values(self, runs: QuerySet[WorkflowRun], *, now: datetime) -> QuerySet[WorkflowRun]:
        if self.status.wanted:
            runs = runs.filter(states_condition(map(RunState, self.status.wanted), now=now))
        if self.status.unwanted:
            runs = runs.exclude(states_condition(map(RunState, self.status.unwanted), now=now))
        columns = (("workflow", self.workflow), ("trigger", self.trigger), ("error_type", self.error))
        for column, choice in columns:
            if choice.wanted:
                runs = runs.filter(**{f"{column}__in": choice.wanted})
            if choice.unwanted:
                runs = runs.exclude(**{f"{column}__in": choice.unwanted})
        if self.error.wanted and all(self.error.wanted):
            runs = runs.filter(is_filled("error_type"))
        return runs

    def _choose_agents(self, runs: QuerySet[WorkflowRun]) -> QuerySet[WorkflowRun]:
        choices = ((self.agent, is_named), (self.agent_error, has_failed_with))
        if wanted := [condition(choice.wanted) for choice, condition in choices if choice.wanted]:
            runs = runs.filter(has_agent_run(*wanted))
        for choice, condition in choices:
            if choice.unwanted:
                runs = runs.exclude(has_agent_run(condition(choice.unwanted)))
        return runs

    def _choose_durations(self, runs: QuerySet[WorkflowRun]) -> QuerySet[WorkflowRun]:
        if self.shortest is None and self.longest is None:
            return runs
        runs = runs.filter(completed_at__isnull=False).annotate(
            microseconds=RawSQL(f"CASE WHEN {RUN.counts} THEN {RUN.microseconds(current())} END", [])
        )
        if self.shortest is not None:
            runs = runs.filter(microseconds__gte=round(self.shortest * 1_000_000))
        if self.longest is not None:
            runs = runs.filter(microseconds__lte=round(self.longest * 1_000_000))
        return runs


def with_workflow(runs: QuerySet[WorkflowRun]) -> QuerySet[Any]:
    """With the annotation `workflow`. Index: workflow_run_of_workflow, which has the same expression."""
    # As SQL, because SQLite uses an index of an expression only where its constants stand in the query themselves.
    return runs.annotate(workflow=RawSQL(WORKFLOW, [], output_field=CharField()))


def has_agent_run(*conditions: Q) -> Exists:
    """Whether one agent run of the run is like all of this. Index: agent_run_of_run (run_id, environment)."""
    run = Q(run_id=OuterRef("run_id"), environment=OuterRef("environment"))
    return Exists(AgentRun.objects.filter(run, *conditions))


def is_named(names: Iterable[str]) -> Q:
    return Q(agent_name__in=stored(names))


def has_failed_with(error_types: Iterable[str]) -> Q:
    """Of an agent run that failed: one that did not has no error type either, which is no unknown one."""
    return Q(error_type__in=stored(error_types), status="failed")


def stored(names: Iterable[str]) -> list[str]:
    """The names as columns hold them: what has no name is shown as unknown."""
    return [kept for name in names for kept in ((name, "") if name == UNKNOWN else (name,))]


def is_filled(column: str) -> RawSQL:
    """A condition: the text is not empty. SQLite uses a partial index only where its condition stands literally."""
    table = WorkflowRun._meta.db_table
    return RawSQL(f'NOT ("{table}"."{column}" = \'\')', [], output_field=BooleanField())


def read_choice(
    name: str, *, wanted: Iterable[str], unwanted: Iterable[str], allowed: Iterable[str] = ()
) -> Choice:
    """The values of a filter and of its exclusion, each once, in the given order. Raises BadRunFilter."""
    choice = Choice(wanted=tuple(dict.fromkeys(wanted)), unwanted=tuple(dict.fromkeys(unwanted)))
    names = tuple(allowed)
    for field, values in ((name, choice.wanted), (f"not_{name}", choice.unwanted)):
        if len(values) > MOST_VALUES:
            sentence = _("It takes %(number)s values at most.")
            raise BadRunFilter(sentence % {"number": MOST_VALUES}, field=field)
        for value in values:
            check_text(value, field=field)
            if names and value not in names:
                raise BadRunFilter(_("It takes %(names)s.") % {"names": ", ".join(names)}, field=field)
    return choice


def check_text(value: str, *, field: str) -> str:
    """The value. Raises BadRunFilter for one that no column can hold."""
    if len(value) > LONGEST_VALUE or "\0" in value:
        sentence = _("It takes up to %(number)s printable characters.")
        raise BadRunFilter(sentence % {"number": LONGEST_VALUE}, field=field)
    return value


def read_seconds(text: str, *, field: str) -> float | None:
    """Seconds of `90`, `1.5 s`, `20 min`, `2h`; None for "". Raises BadRunFilter."""
    if not text.strip():
        return None
    found = re.fullmatch(r"\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([a-z]{0,3})\s*", text)
    unit = UNIT_SECONDS.get(found[2] or "s") if found else None
    if found is None or unit is None or float(found[1]) * unit > MOST_SECONDS:
        raise BadRunFilter(_("It takes a duration like 90, 1.5 s, 20 min or 2 h."), field=field)
    return float(found[1]) * unit
