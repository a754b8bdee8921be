"""What the page of a run prints besides the texts that the list has too."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kpis.days import local_day
from kpis.formatting import DASH, Figure, count_text, date_text, duration_text, moment_text
from pages.day_bars import DayBar, make_bars
from pages.runs.spans import waterfall_of
from pages.runs.state import run_url, runs_url
from pages.runs.texts import (
    RunText,
    StateBadge,
    ending_badge,
    money_text,
    precise_text,
    seconds_text,
    usual_lengths,
)
from pages.runs.waterfall import Waterfall, WaterfallRow
from pages.thing_links import LinkedFact, draft_url, rejected_url, session_url
from web.languages import lazy_text
from workbench.models import WorkflowRun
from workbench.rejected_events import RejectedMention
from workbench.runs.detail import Part, RunDetail
from workbench.runs.errors import LOOKED_BACK, SameError
from workbench.runs.events import RunEvents
from workbench.runs.lengths import taken
from workbench.runs.states import ACTIVE
from workbench.runs.totals import Used, used_by, used_in
from workbench.runs.usual import Usual

KINDS = {
    "agent": lazy_text("Agent run"),
    "call": lazy_text("Model call"),
    "approval": lazy_text("Approval"),
}
# What parts of a run are at. A status that is not here stands as it was sent.
STATES = {
    "completed": lazy_text("completed"),
    "failed": lazy_text("failed"),
    "cancelled": lazy_text("cancelled"),
    "running": lazy_text("running"),
    "unknown": lazy_text("unknown"),
}
UNNAMED = lazy_text("(not named)")
# A call on the row of its agent.
MARK = '<rect class="fall-mark" x="{}%" y="8" width="{}%" height="4"/>'


@dataclass(frozen=True, kw_only=True)
class RowText:
    """A row of the waterfall: the drawing, and the same in words."""

    row: WaterfallRow
    css: str
    kind: str
    attempt: str
    note: str
    length: str
    words: str
    marks: SafeString


@dataclass(frozen=True, kw_only=True)
class TickText:
    x: float
    label: str


@dataclass(frozen=True, kw_only=True)
class RunLink:
    """Another run: where it is, what became of it, when it began and how long it took."""

    url: str
    run_id: str
    badge: StateBadge
    started: str
    length: str
    is_current: bool = False


def run_context(detail: RunDetail, *, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """What _run.html prints."""
    text = RunText.from_listed(detail.listed, zone=zone, now=now)
    fall = waterfall_of(detail, now=now)
    return {
        "run": text,
        "is_active": detail.listed.state in ACTIVE,
        "tiles": tiles_of(detail, text=text),
        "facts": facts_of(detail, zone=zone, now=now),
        "trace_id": detail.run.trace_id,
        "trace_url": trace_url(detail.run.trace_id),
        "rows": row_texts(fall),
        "ticks": tick_texts(fall),
        "summary": summary_of(detail),
        "agents": agent_rows(detail, zone=zone, now=now),
        "calls": call_rows(detail, zone=zone, now=now),
        "by_agent": part_rows(detail.by_agent),
        "by_model": part_rows(detail.by_model),
        "failed": detail.failed,
        "error": error_context(detail, zone=zone, now=now),
        "events": event_rows(detail.events, zone=zone, now=now),
        "event_count": len(detail.events.accepted),
        "events_left_out": detail.events.left_out,
        "rejected": rejected_rows(detail.events.rejected, zone=zone, now=now),
        "pruned": pruned_text(detail, zone=zone),
        "unnamed": run_link(detail.unnamed, zone=zone, now=now) if detail.unnamed else None,
        "retry_of": retry_link(detail, zone=zone, now=now),
        "retried_by": [run_link(run, zone=zone, now=now) for run in detail.retried_by],
        "neighbours": neighbour_links(detail, zone=zone, now=now),
        "workflow_url": runs_url(
            environment=detail.run.environment, workflow=detail.listed.workflow, range="all"
        ),
        "time_zone": zone.key,
    }


def tiles_of(detail: RunDetail, *, text: RunText) -> list[Figure]:
    used = detail.listed.totals.used
    return [
        Figure(_("Started"), text.started),
        Figure(_("Duration"), text.duration),
        Figure(_("Agent runs"), agents_text(detail)),
        Figure(_("Tokens in"), number_text(used.input_tokens)),
        Figure(_("Tokens out"), number_text(used.output_tokens)),
        Figure(_("Cost, estimated") if detail.listed.is_cost_estimated else _("Cost"), text.cost),
    ]


def agents_text(detail: RunDetail) -> str:
    totals = detail.listed.totals
    agents = count_text(totals.agents)
    if not totals.failed_agents:
        return agents
    return _("%(agents)s, %(failed)s failed") % {"agents": agents, "failed": totals.failed_agents}


def facts_of(detail: RunDetail, *, zone: ZoneInfo, now: datetime) -> list[LinkedFact]:
    """What identifies the run; facts that nobody told are left out."""
    run = detail.run
    usual = detail.listed.usual
    facts: list[tuple[str, str] | tuple[str, str, str]] = [
        (_("Environment"), run.environment),
        (_("Trigger"), run.trigger),
        (_("Workflow id"), run.workflow_id if run.workflow_name else ""),
        (_("Session"), run.session_id, session_url(run.session_id, environment=run.environment)),
        (_("Draft"), run.draft_id, draft_url(run.draft_id, environment=run.environment)),
        (_("Completed"), precise_text(run.completed_at, zone=zone, now=now) if run.completed_at else ""),
        (_("Last heard of"), precise_text(run.last_seen_at, zone=zone, now=now) if run.last_seen_at else ""),
        (_("Usual duration"), usual_text(usual) if usual else ""),
    ]
    return [LinkedFact(*fact) for fact in facts if fact[1]]


def usual_text(usual: Usual) -> str:
    return _("%(p50)s; 95 of 100 within %(p95)s") % usual_lengths(usual)


def trace_url(trace_id: str) -> str:
    """Where the trace is looked at; "" without a trace, or where no such place is set."""
    template = settings.TRACE_URL_TEMPLATE
    return template.replace("{trace_id}", quote(trace_id, safe="")) if template and trace_id else ""


def number_text(number: int | None) -> str:
    return DASH if number is None else count_text(number)


def row_texts(fall: Waterfall | None) -> list[RowText]:
    return [] if fall is None else [row_text(row) for row in fall.rows]


def row_text(row: WaterfallRow) -> RowText:
    span, length = row.span, duration_text(row.seconds)
    calls = _("%(calls)s calls") % {"calls": row.marked} if row.marked else ""
    return RowText(
        row=row,
        css=f"fall-{span.kind} fall-{span.state} depth-{row.depth}",
        kind=span.kind,
        attempt=_("attempt %(number)s") % {"number": span.attempt} if span.attempt > 1 else "",
        note=" \N{MIDDLE DOT} ".join(filter(None, [span.note, calls])),
        length=length,
        words=row_words(row, length=length),
        marks=format_html_join("", MARK, ((mark.x, mark.width) for mark in row.marks)),
    )


def row_words(row: WaterfallRow, *, length: str) -> str:
    sentence = (
        _("%(kind)s, %(state)s, %(calls)s model calls, begins after %(begin)s, takes %(length)s")
        if row.marked
        else _("%(kind)s, %(state)s, begins after %(begin)s, takes %(length)s")
    )
    return sentence % {
        "kind": KINDS[row.span.kind],
        "state": state_word(row.span.state),
        "calls": row.marked,
        "begin": duration_text(row.offset_seconds),
        "length": length,
    }


def state_word(state: str) -> str:
    return STATES.get(state, state)


def tick_texts(fall: Waterfall | None) -> list[TickText]:
    return [TickText(x=tick.x, label=duration_text(tick.seconds)) for tick in fall.ticks] if fall else []


def summary_of(detail: RunDetail) -> str:
    totals = detail.listed.totals
    agents, calls, approvals = totals.agents, totals.calls, len(detail.approvals)
    parts = (
        (agents, ngettext("%(count)s agent run", "%(count)s agent runs", agents)),
        (calls, ngettext("%(count)s model call", "%(count)s model calls", calls)),
        (approvals, ngettext("%(count)s approval", "%(count)s approvals", approvals)),
    )
    return " · ".join(text % {"count": count_text(number)} for number, text in parts if number)


def table_body(rows: Iterable[Sequence[str]], *, columns: int) -> SafeString:
    """The rows of a table, the first cell of each as its name.

    Not in a template: of a run with 200 agents these are 10,000 cells, and a template takes five times as long.
    """
    row = f'<tr><th scope="row">{{}}</th>{"<td>{}</td>" * (columns - 1)}</tr>'
    return format_html_join("\n", row, rows)


def agent_rows(detail: RunDetail, *, zone: ZoneInfo, now: datetime) -> SafeString:
    rows = [
        (
            agent.agent_name or agent.agent_id or UNNAMED,
            agent.action or DASH,
            str(agent.attempt or 1),
            state_word(agent.status or "running"),
            agent.error_type or DASH,
            agent.model or DASH,
            precise_text(agent.started_at, zone=zone, now=now),
            length_of(taken(agent)),
            count_text(agent.calls) if agent.calls else DASH,
            *used_texts(used_by(agent)).values(),
        )
        for agent in detail.agents
    ]
    return table_body(rows, columns=12)


def call_rows(detail: RunDetail, *, zone: ZoneInfo, now: datetime) -> SafeString:
    names = {agent.agent_run_id: agent.agent_name for agent in detail.agents}
    rows = [
        (
            call.model or UNNAMED,
            names.get(call.owner_id) or DASH,
            state_word(call.status or "completed"),
            call.error_type or DASH,
            precise_text(call.called_at, zone=zone, now=now),
            length_of(None if call.duration_ms is None else call.duration_ms * 1000),
            *used_texts(used_in(call)).values(),
        )
        for call in detail.calls
    ]
    return table_body(rows, columns=9)


def length_of(microseconds: int | None) -> str:
    return DASH if microseconds is None else seconds_text(microseconds)


def used_texts(used: Used) -> dict[str, str]:
    return {
        "tokens_in": number_text(used.input_tokens),
        "tokens_out": number_text(used.output_tokens),
        "cost": money_text(used.cost),
    }


def part_rows(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """With the share of the largest cost, 0 to 100, for a small bar."""
    largest = max((part.used.cost or 0 for part in parts), default=0) or 1
    return [
        {
            "name": part.name,
            "times": count_text(part.times) if part.times else DASH,
            "failed": part.failed,
            "calls": count_text(part.calls) if part.calls else DASH,
            "length": length_of(part.microseconds),
            "share": round(100 * (part.used.cost or 0) / largest, 1),
            **used_texts(part.used),
        }
        for part in parts
    ]


def error_context(detail: RunDetail, *, zone: ZoneInfo, now: datetime) -> dict[str, Any] | None:
    same = detail.same_error
    if same is None:
        return None
    within = {"environment": detail.run.environment, "error": same.error_type}
    return {
        "type": same.error_type,
        "times": times_text(same),
        "days": LOOKED_BACK.days,
        "bars": error_bars(same, zone=zone, now=now),
        "workflows": [Figure(name, count_text(number)) for name, number in same.workflows[:5]],
        "first": run_link(same.first, zone=zone, now=now, current=detail.run) if same.first else None,
        "last": run_link(same.last, zone=zone, now=now, current=detail.run) if same.last else None,
        "url": runs_url(**within),
        "all_url": runs_url(**within, range="all"),
        "workflow_url": runs_url(**within, workflow=detail.listed.workflow),
    }


def times_text(same: SameError) -> str:
    times = count_text(len(same.moments))
    return _("%(value)s or more") % {"value": times} if same.is_more else times


def error_bars(same: SameError, *, zone: ZoneInfo, now: datetime) -> list[DayBar]:
    """A bar for each local day with a run. The range begins at this time of day, so its first day is not whole."""
    first, today = local_day(same.since, zone=zone), local_day(now, zone=zone)
    days = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    numbers = Counter(local_day(moment, zone=zone) for moment in same.moments)
    labels = [f"{date_text(day)}: {numbers[day]}" for day in days]
    return make_bars([float(numbers[day]) for day in days], labels=labels, top=1.0)


def event_rows(events: RunEvents, *, zone: ZoneInfo, now: datetime) -> SafeString:
    rows = [
        (
            precise_text(event.at, zone=zone, now=now),
            event.event,
            event.subject or DASH,
            _("accepted"),
            event.raw.source if event.raw else DASH,
        )
        for event in events.accepted
    ]
    return table_body(rows, columns=5)


def rejected_rows(
    events: Sequence[RejectedMention], *, zone: ZoneInfo, now: datetime
) -> list[dict[str, Any]]:
    return [
        {
            "at": precise_text(event.received_at, zone=zone, now=now),
            "event": event.event,
            "source": event.source,
            "code": event.code,
            "message": event.message,
            "url": rejected_url(event.pk),
        }
        for event in events
    ]


def pruned_text(detail: RunDetail, *, zone: ZoneInfo) -> str:
    """Says that raw events of the run are gone; "" where they are not."""
    kept, first = detail.events.raw_kept_from, detail.run.first_seen_at
    if kept is None or first is None or first >= kept:
        return ""
    sentence = _("Retention deleted the raw events before %(at)s. What they said of the run is kept.")
    return sentence % {"at": moment_text(kept, zone=zone)}


def run_link(
    run: WorkflowRun, *, zone: ZoneInfo, now: datetime, current: WorkflowRun | None = None
) -> RunLink:
    return RunLink(
        url=run_url(run.run_id, environment=run.environment),
        run_id=run.run_id,
        badge=ending_badge(run),
        started=precise_text(run.started_at or run.first_seen_at, zone=zone, now=now),
        length=length_of(taken(run)),
        is_current=current is not None and run.pk == current.pk,
    )


def retry_link(detail: RunDetail, *, zone: ZoneInfo, now: datetime) -> dict[str, Any] | None:
    """The run that this one repeats; without a link where the portal does not know that run."""
    if not detail.run.retry_of_run_id:
        return None
    known = run_link(detail.retry_of, zone=zone, now=now) if detail.retry_of else None
    return {"run_id": detail.run.retry_of_run_id, "link": known}


def neighbour_links(detail: RunDetail, *, zone: ZoneInfo, now: datetime) -> list[RunLink]:
    """Later runs of the workflow, this one, and earlier ones: the newest first."""
    runs = [*reversed(detail.later), detail.run, *detail.earlier]
    return [run_link(run, zone=zone, now=now, current=detail.run) for run in runs]
