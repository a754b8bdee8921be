"""A run as texts: what it is at, when it began, how long it took against what is usual, what it cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from kpis.formatting import (
    DASH,
    at_moment,
    count_text,
    date_text,
    day_of_year_text,
    dollars_text,
    duration_text,
    measured,
)
from pages.runs.state import RunsState, run_url
from telemetry.plan.metrics import MICRO
from web.languages import lazy_text
from workbench.models import WorkflowRun
from workbench.runs.listing import ListedRun
from workbench.runs.states import ACTIVE, RunState, last_news_at
from workbench.runs.usual import Usual

LABELS = {
    RunState.RUNNING: lazy_text("Running"),
    RunState.SILENT: lazy_text("No news"),
    RunState.ABANDONED: lazy_text("Never completed"),
    RunState.COMPLETED: lazy_text("Completed"),
    RunState.FAILED: lazy_text("Failed"),
    RunState.CANCELLED: lazy_text("Cancelled"),
}
# Of the small bar that compares a duration with what is usual: its length, and where p95 lies on it.
BAR_LENGTH = 100
BAR_P95 = 66


@dataclass(frozen=True, kw_only=True)
class StateBadge:
    """`key` chooses icon and colour; `note` is what stands behind the label, "" for nothing."""

    key: str
    label: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class UsualBar:
    """A duration on a line with what is usual; lengths of 0 to 100. `words` says the same."""

    length: float
    p50: float
    p95: float
    is_slow: bool
    words: str


@dataclass(frozen=True, kw_only=True)
class RunText:
    """A row of the list; the head of a run's page has the same texts."""

    run_id: str
    url: str
    badge: StateBadge
    workflow: str
    trigger: str
    started: str
    started_iso: str
    duration: str
    usual: UsualBar | None
    is_slow: bool
    agents: str
    failed_agents: int
    cost: str
    cost_hint: str
    error_type: str

    @classmethod
    def from_listed(cls, listed: ListedRun, *, zone: ZoneInfo, now: datetime) -> Self:
        run = listed.run
        begin = run.started_at or run.first_seen_at
        return cls(
            run_id=run.run_id,
            url=run_url(run.run_id, environment=run.environment),
            badge=badge_of(listed, zone=zone, now=now),
            workflow=listed.workflow,
            trigger=run.trigger,
            started=precise_text(begin, zone=zone, now=now),
            started_iso=begin.isoformat() if begin else "",
            duration=length_text(listed),
            usual=usual_bar(listed),
            is_slow=listed.is_slow,
            agents=count_text(listed.totals.agents) if listed.totals.agents else DASH,
            failed_agents=listed.totals.failed_agents,
            cost=cost_text(listed),
            cost_hint=cost_hint(listed),
            error_type=run.error_type,
        )


def run_texts(runs: Iterable[ListedRun], *, zone: ZoneInfo, now: datetime) -> list[RunText]:
    return [RunText.from_listed(listed, zone=zone, now=now) for listed in runs]


def badge_of(listed: ListedRun, *, zone: ZoneInfo, now: datetime) -> StateBadge:
    note = ""
    if listed.is_waiting and listed.state in ACTIVE:
        note = _("waits for approval")
    elif listed.state is RunState.RUNNING and listed.is_inferred:
        note = _("inferred")
    elif listed.state in {RunState.SILENT, RunState.ABANDONED}:
        news = last_news_at(listed.run)
        sentence = _("since %(at)s") if listed.state is RunState.SILENT else _("no news since %(at)s")
        note = sentence % {"at": precise_text(news, zone=zone, now=now)} if news else ""
    return StateBadge(key=listed.state.value, label=LABELS[listed.state], note=note)


def ending_badge(run: WorkflowRun) -> StateBadge:
    """Of a run that is only named, like an earlier one; without the clock's part in it."""
    if run.completed_at is None:
        return StateBadge(key=RunState.ABANDONED.value, label=_("Not completed"))
    state = RunState(run.status) if run.status in set(RunState) else RunState.COMPLETED
    return StateBadge(key=state.value, label=LABELS[state])


def precise_text(moment: datetime | None, *, zone: ZoneInfo, now: datetime) -> str:
    """13:00:04 today; 15 Feb, 13:00:04 this year; 15 Feb 2025, 13:00:04."""
    if moment is None:
        return DASH
    local, today = moment.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return at_moment(f"{local:%H:%M:%S}", moment=moment)
    date = local.date()
    day = day_of_year_text(date) if local.year == today.year else date_text(date)
    return at_moment(f"{day}, {local:%H:%M:%S}", moment=moment)


def length_text(listed: ListedRun) -> str:
    """How long it took, or takes by now; a dash for a run of which nobody knows."""
    if listed.microseconds is None or listed.state in {RunState.SILENT, RunState.ABANDONED}:
        return DASH
    text = seconds_text(listed.microseconds)
    if listed.run.completed_at:
        return text
    so_far = _("%(length)s so far") % {"length": text}
    return measured(so_far, value=listed.microseconds / MICRO, unit="seconds")


def seconds_text(microseconds: float) -> str:
    return duration_text(microseconds / MICRO)


def usual_bar(listed: ListedRun) -> UsualBar | None:
    usual, length = listed.usual, listed.microseconds
    if usual is None or length is None or listed.state in {RunState.SILENT, RunState.ABANDONED}:
        return None
    scale = BAR_P95 / max(usual.p95, 1)
    return UsualBar(
        length=round(min(BAR_LENGTH, max(1.0, length * scale)), 1),
        p50=round(usual.p50 * scale, 1),
        p95=BAR_P95,
        is_slow=listed.is_slow,
        words=usual_words(usual),
    )


def usual_words(usual: Usual) -> str:
    return _("Usually %(p50)s; 95 of 100 within %(p95)s") % usual_lengths(usual)


def usual_lengths(usual: Usual) -> dict[str, str]:
    return {"p50": seconds_text(usual.p50), "p95": seconds_text(usual.p95)}


def money_text(micro_usd: int | None) -> str:
    return DASH if micro_usd is None else dollars_text(micro_usd / MICRO)


def cost_text(listed: ListedRun) -> str:
    text = money_text(listed.cost)
    if listed.cost is None or not listed.is_cost_estimated:
        return text
    return measured(f"\N{ALMOST EQUAL TO}{text}", value=listed.cost / MICRO, unit="usd")


def cost_hint(listed: ListedRun) -> str:
    if listed.is_cost_estimated:
        return _("Estimated from its run time: it reports no cost")
    return "" if listed.cost is None else _("As its agents and model calls report it")


@dataclass(frozen=True, kw_only=True)
class Chip:
    """A filter that is on, and the link that takes it off."""

    words: str
    url: str


def filter_chips(state: RunsState, *, names: dict[str, str]) -> Sequence[Chip]:
    return [
        Chip(words=chip_words(name, value, names=names), url=state.without(name, value).query())
        for name, values in state.values
        if name not in {"range", "newer", "older"}
        for value in values
    ]


def chip_words(name: str, value: str, *, names: dict[str, str]) -> str:
    label = names[name.removeprefix("not_")]
    if name.removeprefix("not_") == "status":
        value = LABELS.get(RunState(value), value) if value in set(RunState) else value
    sentence = _("%(filter)s is not %(value)s") if name.startswith("not_") else _("%(filter)s: %(value)s")
    return sentence % {"filter": label, "value": value}
