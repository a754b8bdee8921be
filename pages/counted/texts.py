"""What the page of counted rows prints."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Model
from django.utils.translation import gettext as _

from kpis.compute.measures import tables_of
from kpis.counted.listing import CountedRow
from kpis.counted.totals import CountedTotal
from kpis.formatting import (
    Figure,
    count_text,
    dollars_text,
    duration_text,
    measured,
    moment_text,
    words_of,
    words_within,
)
from kpis.models import EnteredCount
from kpis.registry import Kind, Kpi
from pages.kpi.texts import EXCLUSIONS
from pages.thing_links import approval_url, draft_url, session_url
from pages.things.frame import ThingFrame
from telemetry.models import Environment, RawEvent
from telemetry.plan.metrics import MICRO
from workbench.costs import estimate_cost, usd_per_minute
from workbench.models import AgentRun, ApprovalDecision, Draft, EventCount, ModelCall, WorkflowRun
from workbench.timelines.approvals import approval_key


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


def row_text(row: CountedRow, *, kpi: Kpi, frame: ThingFrame) -> CountedText:
    found = row.found
    return CountedText(
        at=frame.clock(found.moment),
        at_iso=found.moment.isoformat(),
        label=label_of(row.thing, frame=frame),
        counts=reason_text(found.reason) if found.reason else amount_text(row, kpi=kpi),
        is_counted=not found.reason,
    )


def reason_text(reason: str) -> str:
    return EXCLUSIONS.get(reason, words_of(reason))


def amount_text(row: CountedRow, *, kpi: Kpi) -> str:
    """What the row adds: a duration, a cost, or in which of a ratio's two sums it is."""
    found = row.found
    if kpi.kind is Kind.DURATION:
        return duration_text(found.numerator / MICRO)
    if kpi.kind is Kind.SUM:
        if isinstance(row.thing, WorkflowRun):
            cost = estimate_cost(found.numerator, usd_per_minute=usd_per_minute())
            text = f"\N{ALMOST EQUAL TO}{dollars_text(cost / MICRO)}"
            return measured(text, value=cost / MICRO, unit="usd")
        return dollars_text(found.numerator / MICRO)
    label = kpi.numerator_label
    if max(found.numerator, found.denominator) == 1:
        return _(label) if found.numerator else not_among(label)
    return numbered(found.denominator, label if found.numerator else kpi.denominator_label)


def not_among(label: str) -> str:
    """Not among: runs completed."""
    return _("Not among: %(things)s") % {"things": words_within(label)}


def numbered(number: int, label: str) -> str:
    text = _("%(count)s %(things)s") % {"count": count_text(number), "things": words_within(label)}
    return measured(text, value=number, unit="count")


def label_of(thing: Model, *, frame: ThingFrame) -> ThingLabel:
    """The page of what counted. An agent run and a model call are on the page of their run."""
    match thing:
        case Draft():
            return ThingLabel(
                kind=_("Draft"),
                thing_id=thing.draft_id,
                url=draft_url(thing.draft_id, environment=frame.environment),
            )
        case WorkflowRun():
            name = thing.workflow_name or thing.workflow_id
            url = frame.run_url(thing.run_id)
            return ThingLabel(kind=_("Run"), thing_id=thing.run_id, url=url, note=name)
        case AgentRun():
            url = frame.run_url(thing.run_id)
            url = url or session_url(thing.session_id, environment=frame.environment, near=thing.completed_at)
            return ThingLabel(
                kind=_("Agent run"),
                thing_id=thing.agent_run_id,
                url=url,
                note=thing.agent_name or thing.agent_id,
            )
        case ModelCall():
            url = frame.run_url(thing.run_id)
            url = url or session_url(thing.session_id, environment=frame.environment, near=thing.called_at)
            return ThingLabel(
                kind=_("Model call"), thing_id=thing.run_id or thing.session_id, url=url, note=thing.model
            )
        case ApprovalDecision():
            key = approval_key(thing)
            return ThingLabel(
                kind=_("Approval"),
                thing_id=key,
                url=approval_url(key, environment=frame.environment),
                note="" if thing.approval_id else _("no approval id"),
            )
        case RawEvent():
            url = session_url(thing.session_id, environment=frame.environment, near=thing.occurred_at)
            name = words_of(thing.event.partition(".")[2])
            return ThingLabel(kind=_("Session"), thing_id=thing.session_id, url=url, note=name)
        case EnteredCount():
            return ThingLabel(kind=_("Entered by hand"), thing_id=thing.source)
    raise TypeError(f"{type(thing).__name__} has no page")


def figures_of(kpi: Kpi, total: CountedTotal) -> list[Figure]:
    """The KPI's own sums of the range."""
    figures = [Figure(_(kpi.denominator_label), count_text(total.denominator))]
    if kpi.kind is Kind.RATIO:
        figures.insert(0, Figure(_(kpi.numerator_label), count_text(total.numerator)))
    if kpi.kind is Kind.SUM:
        figures.insert(0, Figure(_(kpi.title), dollars_text(total.numerator / MICRO)))
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
            _("%(part)s of %(whole)s (%(things)s)")
            % {"part": count_text(missing), "whole": count_text(number), "things": words_within(label)}
            for missing, number, label in gone
            if missing > 0
        ]
        if not parts:
            return ""
        sentence = _("No longer kept: %(parts)s. Retention or an erasure removed them; the figures stay.")
        return sentence % {"parts": _(" and ").join(parts)}
    kept_from = kept_from_of(kpi, environment=environment)
    if kept_from is None or kept_from <= start:
        return ""
    before = moment_text(kept_from, zone=zone)
    return _(
        "Retention removed what lies before %(at)s; the figures stay. "
        "Of a shorter range this page says how many of what counted are no longer kept."
    ) % {"at": before}


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
        return _("Nothing in this part of the range.")
    if show == "excluded":
        return _("Nothing was left out in this range.")
    return _("Nothing of it is kept.") if total.denominator else _("Nothing counted in this range.")
