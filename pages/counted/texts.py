"""What the page of counted rows prints."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Model

from kpis.compute.measures import tables_of
from kpis.counted.listing import CountedRow
from kpis.counted.totals import CountedTotal
from kpis.formatting import Figure, count_text, dollars_text, duration_text, moment_text, words_of
from kpis.models import EnteredCount
from kpis.registry import Kind, Kpi
from pages.kpi.texts import EXCLUSIONS
from pages.runs.texts import precise_text
from pages.thing_links import approval_url, draft_url, session_url
from pages.things.texts import run_link
from telemetry.models import Environment, RawEvent
from workbench.costs import estimate_cost, usd_per_minute
from workbench.models import AgentRun, ApprovalDecision, Draft, EventCount, ModelCall, WorkflowRun
from workbench.timelines.approvals import approval_key

MICROSECONDS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class ThingLabel:
    """What a row is about: its kind, its id, where its page is ("" for none), and what else is said of it."""

    kind: str
    thing_id: str
    url: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class CountedText:
    """A row of the page. `counts` is what it adds to the KPI, or why it adds nothing."""

    at: str
    at_iso: str
    label: ThingLabel
    counts: str
    is_counted: bool


def row_text(
    row: CountedRow, *, kpi: Kpi, environment: str, may_see_runs: bool, zone: ZoneInfo, now: datetime
) -> CountedText:
    found = row.found
    return CountedText(
        at=precise_text(found.moment, zone=zone, now=now),
        at_iso=found.moment.isoformat(),
        label=label_of(row.thing, environment=environment, may_see_runs=may_see_runs),
        counts=reason_text(found.reason) if found.reason else amount_text(row, kpi=kpi),
        is_counted=not found.reason,
    )


def reason_text(reason: str) -> str:
    return EXCLUSIONS.get(reason, words_of(reason))


def amount_text(row: CountedRow, *, kpi: Kpi) -> str:
    """What the row adds: a duration, a cost, or in which of a ratio's two sums it is."""
    found = row.found
    if kpi.kind is Kind.DURATION:
        return duration_text(found.numerator / MICROSECONDS)
    if kpi.kind is Kind.SUM:
        if isinstance(row.thing, WorkflowRun):
            cost = estimate_cost(found.numerator, usd_per_minute=usd_per_minute())
            return f"\N{ALMOST EQUAL TO}{dollars_text(cost / MICROSECONDS)}"
        return dollars_text(found.numerator / MICROSECONDS)
    label = kpi.numerator_label if found.numerator else kpi.denominator_label
    return (
        label
        if max(found.numerator, found.denominator) == 1
        else f"{count_text(found.denominator)} {label.lower()}"
    )


def label_of(thing: Model, *, environment: str, may_see_runs: bool) -> ThingLabel:
    """The page of what counted. An agent run and a model call are on the page of their run."""
    match thing:
        case Draft():
            return ThingLabel(
                kind="Draft", thing_id=thing.draft_id, url=draft_url(thing.draft_id, environment=environment)
            )
        case WorkflowRun():
            name = thing.workflow_name or thing.workflow_id
            url = run_link(thing.run_id, environment=environment, may_see_runs=may_see_runs)
            return ThingLabel(kind="Run", thing_id=thing.run_id, url=url, note=name)
        case AgentRun():
            url = run_link(thing.run_id, environment=environment, may_see_runs=may_see_runs)
            url = url or session_url(thing.session_id, environment=environment, near=thing.completed_at)
            return ThingLabel(
                kind="Agent run",
                thing_id=thing.agent_run_id,
                url=url,
                note=thing.agent_name or thing.agent_id,
            )
        case ModelCall():
            url = run_link(thing.run_id, environment=environment, may_see_runs=may_see_runs)
            url = url or session_url(thing.session_id, environment=environment, near=thing.called_at)
            return ThingLabel(
                kind="Model call", thing_id=thing.run_id or thing.session_id, url=url, note=thing.model
            )
        case ApprovalDecision():
            key = approval_key(thing)
            return ThingLabel(
                kind="Approval",
                thing_id=key,
                url=approval_url(key, environment=environment),
                note="" if thing.approval_id else "no approval id",
            )
        case RawEvent():
            url = session_url(thing.session_id, environment=environment, near=thing.occurred_at)
            name = words_of(thing.event.partition(".")[2])
            return ThingLabel(kind="Session", thing_id=thing.session_id, url=url, note=name)
        case EnteredCount():
            return ThingLabel(kind="Entered by hand", thing_id=thing.source)
    raise TypeError(f"{type(thing).__name__} has no page")


def figures_of(kpi: Kpi, total: CountedTotal) -> list[Figure]:
    """The KPI's own sums of the range."""
    figures = [Figure(kpi.denominator_label, count_text(total.denominator))]
    if kpi.kind is Kind.RATIO:
        figures.insert(0, Figure(kpi.numerator_label, count_text(total.numerator)))
    if kpi.kind is Kind.SUM:
        figures.insert(0, Figure(kpi.title, dollars_text(total.numerator / MICROSECONDS)))
    return figures


def exclusion_figures(total: CountedTotal) -> list[Figure]:
    return [
        Figure(reason_text(reason), count_text(number)) for reason, number in total.excluded.items() if number
    ]


def gone_text(kpi: Kpi, total: CountedTotal, *, environment: str, start: datetime, zone: ZoneInfo) -> str:
    """How many of what counted is no longer kept; "" where all of it is. One query where that was not counted."""
    if total.kept is not None:
        gone = [(total.denominator - total.kept[1], total.denominator, kpi.denominator_label)]
        if kpi.kind is Kind.RATIO:
            gone.append((total.numerator - total.kept[0], total.numerator, kpi.numerator_label))
        parts = [
            f"{count_text(missing)} of {count_text(number)} ({label.lower()})"
            for missing, number, label in gone
            if missing > 0
        ]
        if not parts:
            return ""
        return (
            f"No longer kept: {' and '.join(parts)}. Retention or an erasure removed them; the figures stay."
        )
    kept_from = kept_from_of(kpi, environment=environment)
    if kept_from is None or kept_from <= start:
        return ""
    before = moment_text(kept_from, zone=zone)
    return (
        f"Retention removed what lies before {before}; the figures stay. "
        "Of a shorter range this page says how many of what counted are no longer kept."
    )


def kept_from_of(kpi: Kpi, *, environment: str) -> datetime | None:
    """From when on all that the KPI counts is kept; None: nothing was removed."""
    row = (
        Environment.objects.filter(name=environment).values_list("things_kept_from", "raw_kept_from").first()
    )
    things, raw = row or (None, None)
    moments = [things, raw if counts_events(kpi) else None]
    return max((moment for moment in moments if moment is not None), default=None)


def counts_events(kpi: Kpi) -> bool:
    """Whether it counts events of which no thing is made: these are listed as long as raw events are kept."""
    return any(table.model is EventCount for table in tables_of(kpi.slug))


def empty_text(total: CountedTotal, *, has_older: bool, show: str) -> str:
    if has_older:
        return "Nothing in this part of the range."
    if show == "excluded":
        return "Nothing was left out in this range."
    return "Nothing counted in this range." if not total.denominator else "Nothing of it is kept."
