"""The figures of the funnel as texts, with their changes against the range before."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from kpis.formatting import count_text, percent_text, value_text
from kpis.reading.funnel import SHARE, TIME, FunnelComparison, StepReading
from kpis.registry import Kpi
from kpis.statistics.changes import judge_change
from kpis.statistics.estimates import Estimate
from pages.funnel.state import stopped_url
from pages.kpi.headline import Change, change_text_of
from pages.page_request import PageState
from pages.usage.links import count_change
from web.languages import lazy_text
from workbench.models import FunnelStep


@dataclass(frozen=True, kw_only=True)
class StepText:
    """A row of the funnel. `length` and `before_length` are of its bar and of that of the step before, 0 to 100.

    `done` is the step, to be said after "after". `is_worst`: most sessions stopped here.
    `stopped_url` is "" where no session did.
    """

    number: int
    name: str
    sessions: str
    sessions_change: Change | None
    length: str
    before_length: str
    conversion: str
    conversion_change: Change | None
    from_start: str
    from_start_change: Change | None
    median: str
    median_change: Change | None
    stopped: str
    stopped_share: str
    stopped_url: str
    done: str
    is_worst: bool


def step_texts(comparison: FunnelComparison, *, state: PageState) -> list[StepText]:
    worst = comparison.current.worst
    pairs = zip(comparison.current.steps, comparison.previous.steps, strict=True)
    return [
        step_text(step, previous, state=state, is_worst=worst is not None and step.step == worst.step)
        for step, previous in pairs
    ]


def step_text(step: StepReading, previous: StepReading, *, state: PageState, is_worst: bool) -> StepText:
    return StepText(
        number=step.step.value,
        name=_(step.step.label),
        sessions=count_text(step.sessions),
        sessions_change=count_change(step.sessions, previous.sessions),
        length=length_of(step.sessions, step.started),
        before_length=length_of(step.before or 0, step.started),
        conversion="" if step.before is None else value_text(step.conversion.value, unit="ratio"),
        conversion_change=change_of(step.conversion, previous.conversion, kpi=SHARE),
        from_start="" if step.before is None else value_text(step.conversion_from_start.value, unit="ratio"),
        from_start_change=None
        if step.before is None
        else change_of(step.conversion_from_start, previous.conversion_from_start, kpi=SHARE),
        median="" if step.before is None else value_text(step.median, unit="seconds"),
        median_change=change_of(step.time, previous.time, kpi=TIME),
        stopped="" if step.stopped is None else count_text(step.stopped),
        stopped_share="" if step.stopped_share is None else percent_text(step.stopped_share),
        stopped_url=stopped_url(state, step=step.step) if step.stopped else "",
        done=DONE.get(step.step, ""),
        is_worst=is_worst,
    )


def change_of(current: Estimate, previous: Estimate, *, kpi: Kpi) -> Change | None:
    return change_text_of(judge_change(kpi, current=current, previous=previous), kpi=kpi)


def length_of(sessions: int, started: int) -> str:
    """A share as the length of a bar; what is there at all can be seen."""
    return f"{max(100 * sessions / started, 0.4):.2f}" if sessions and started else "0"


# What people did last, to be said after the word "after".
DONE = {
    FunnelStep.SESSION_STARTED: lazy_text("opening the workbench"),
    FunnelStep.DRAFT_CREATED: lazy_text("creating a draft"),
    FunnelStep.DRAFT_ACCEPTED: lazy_text("accepting a draft"),
    FunnelStep.RUN_STARTED: lazy_text("starting a run"),
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Where people stop: what they did last ("": nobody stopped), and how many that are."""

    done: str
    text: str


def verdict_of(steps: Sequence[StepReading], *, worst: StepReading | None) -> Verdict:
    if worst is None:
        return Verdict(done="", text=_("Every session came to a run that completed."))
    total = sum(step.stopped or 0 for step in steps)
    stopped, sessions = count_text(worst.stopped or 0), count_text(worst.sessions)
    share = percent_text(worst.stopped_share or 0, decimals=0)
    of_all = percent_text((worst.stopped or 0) / total, decimals=0)
    return Verdict(
        done=DONE[worst.step],
        text=_(
            "%(stopped)s of the %(sessions)s that got there went no further (%(share)s). "
            "That is %(of_all)s of all sessions that stopped."
        )
        % {"stopped": stopped, "sessions": sessions, "share": share, "of_all": of_all},
    )
