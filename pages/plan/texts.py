"""The figures of the plan as texts: rows of tables, bars and clocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from kpis.formatting import (
    DASH,
    Figure,
    compact_text,
    count_text,
    date_text,
    measured,
    moment_text,
    percent_text,
)
from pages.page_request import PageState
from pages.plan.state import client_part, event_url
from pages.sparkline import Sparkline, make_sparkline
from pages.stacks import StackBar, StackSeries, make_stacks, round_top
from telemetry.counters.key_traffic import Traffic
from telemetry.counters.sent import OTHERS
from telemetry.quality.days import SendingClient, Series, SourceClock
from telemetry.quality.events import EventFigures, PlanFigures

SHOWN_ROWS = 12
SHOWN_NAMES = 3
MINUTE = 60


@dataclass(frozen=True, kw_only=True)
class ShareText:
    """Rejected events, and their share of what was sent. `is_bad` marks what somebody should look at."""

    count: str
    share: str
    is_bad: bool


@dataclass(frozen=True, kw_only=True)
class PlanEventText:
    name: str
    url: str
    description: str
    notes: Sequence[str]
    accepted: str
    rejected: ShareText
    codes: str
    sparkline: Sparkline | None
    sparkline_label: str
    properties: str
    never_sent: str
    first_seen: str
    last_seen: str


@dataclass(frozen=True, kw_only=True)
class SenderText:
    client: str
    source: str
    url: str
    accepted: str
    rejected: ShareText
    code: str
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class NameLink:
    name: str
    url: str
    count: str


@dataclass(frozen=True, kw_only=True)
class CodeText:
    code: str
    url: str
    count: str
    names: Sequence[NameLink]
    others: str
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class ClockText:
    source: str
    posts: str
    ahead: str
    on_time: str
    behind: str
    far_behind: str
    is_wrong: bool


@dataclass(frozen=True, kw_only=True)
class DayChart:
    """Accepted and rejected events by day, as _day_stacks.html draws them."""

    legend: Sequence[StackSeries]
    bars: Sequence[StackBar]
    ticks: Sequence[str]
    days: Sequence[str]
    label: str


def share_text(traffic: Traffic) -> ShareText:
    share = traffic.rejected_share
    return ShareText(
        count=count_text(traffic.rejected),
        share=DASH if share is None else small_percent(share),
        is_bad=traffic.rejected > 0,
    )


def small_percent(share: float) -> str:
    """A share that is not quite nothing, or not quite all, does not read as if it were."""
    if 0 < share < 0.001:
        return measured(f"<{percent_text(0.001)}", value=share, unit="ratio")
    if 0.999 < share < 1:
        return measured(f">{percent_text(0.999)}", value=share, unit="ratio")
    return percent_text(share)


def client_text(client: str) -> str:
    return {"": _("not known"), OTHERS: _("all others")}.get(client, client)


def name_text(name: str) -> str:
    return {"": _("no name"), OTHERS: _("all other names")}.get(name, name)


def day_text(day: date | None) -> str:
    return date_text(day) if day else DASH


def last_seen_text(event: EventFigures, *, zone: ZoneInfo) -> str:
    """The moment if it was within the days, else its day."""
    if event.last_at is not None:
        return moment_text(event.last_at, zone=zone)
    return day_text(event.use.last_day if event.use else None)


def event_text(event: EventFigures, *, state: PageState, zone: ZoneInfo) -> PlanEventText:
    definition, series = event.definition, event.series
    return PlanEventText(
        name=name_text(event.name),
        url=event_url(event.name, state=state),
        description=definition.description if definition else _("The plan does not have this name."),
        notes=notes_on(event),
        accepted=compact_text(event.traffic.accepted),
        rejected=share_text(event.traffic),
        codes=codes_text(event.traffic),
        sparkline=make_sparkline(series.accepted, target=None, is_open=True)
        if any(series.accepted)
        else None,
        sparkline_label=_("Accepted by day: %(values)s") % {"values": series_text(series)},
        properties=count_text(len(definition.properties)) if definition else "",
        never_sent=never_sent_text(event),
        first_seen=day_text(event.use.first_day if event.use else None),
        last_seen=last_seen_text(event, zone=zone),
    )


def notes_on(event: EventFigures) -> list[str]:
    """What a reader should know at once: badges beside the name."""
    notes = []
    if event.definition is None:
        notes.append(_("not in the plan"))
    elif event.use is None:
        notes.append(_("never sent"))
    if event.definition and event.definition.deprecation:
        notes.append(_("deprecated until %(date)s") % {"date": event.definition.deprecation.until})
    if used := {use.part for use in event.deprecated_uses if use.part}:
        notes.append(_("deprecated %(parts)s still sent") % {"parts": ", ".join(sorted(used))})
    return notes


def never_sent_text(event: EventFigures) -> str:
    """Of an event that never came its properties are no news."""
    if event.use is None or not event.never_sent:
        return ""
    return _("never: %(names)s") % {"names": shortened(event.never_sent)}


def shortened(names: Sequence[str]) -> str:
    more, shown = len(names) - SHOWN_NAMES, ", ".join(names[:SHOWN_NAMES])
    return _("%(names)s and %(count)s more") % {"names": shown, "count": more} if more > 0 else shown


def codes_text(traffic: Traffic) -> str:
    return shortened([code for code, events in traffic.codes.most_common()])


def series_text(series: Series) -> str:
    if not any(series.accepted):
        return _("none")
    low, high, last = min(series.accepted), max(series.accepted), series.accepted[-1]
    return _("between %(low)s and %(high)s, last %(last)s") % {
        "low": count_text(low),
        "high": count_text(high),
        "last": count_text(last),
    }


def sender_text(
    sender: SendingClient, traffic: Traffic, *, state: PageState, current: SendingClient | None
) -> SenderText:
    url = state.with_extra(source=sender.source, client=client_part(sender.client)).link()
    return SenderText(
        client=client_text(sender.client),
        source=sender.source,
        url=url,
        accepted=compact_text(traffic.accepted),
        rejected=share_text(traffic),
        code=traffic.most_frequent_code,
        is_current=sender == current,
    )


def code_texts(figures: PlanFigures, *, state: PageState, current: str) -> list[CodeText]:
    return [
        CodeText(
            code=code,
            url=state.with_extra(code=code).link(),
            count=count_text(sum(events for name, events in names)),
            names=[
                NameLink(
                    name=name_text(name),
                    url=event_url(name, state=state, code=code),
                    count=count_text(events),
                )
                for name, events in names[:SHOWN_NAMES]
            ],
            others=_("%(count)s more") % {"count": len(names) - SHOWN_NAMES}
            if len(names) > SHOWN_NAMES
            else "",
            is_current=code == current,
        )
        for code, names in figures.names_by_code.items()
    ]


def clock_text(clock: SourceClock) -> ClockText:
    """Ahead by more than 5 seconds, on time, behind by a minute or more, by an hour or more."""
    ahead = clock.share(5, 600)
    return ClockText(
        source=clock.source,
        posts=compact_text(clock.total),
        ahead=small_percent(ahead),
        on_time=small_percent(clock.share(-MINUTE, 5)),
        behind=small_percent(clock.share(-60 * MINUTE, -MINUTE)),
        far_behind=small_percent(clock.share(-(10**9), -60 * MINUTE)),
        is_wrong=ahead >= 0.01,
    )


def make_tiles(figures: PlanFigures) -> list[Figure]:
    planned = [event for event in figures.events if event.definition]
    rejected = share_text(figures.traffic)
    unsent = sum(1 for event in planned if event.use is None)
    properties = sum(len(event.never_sent) for event in planned if event.use)
    unplanned = len(figures.events) - len(planned)
    return [
        Figure(_("Events in the plan"), count_text(len(planned))),
        Figure(_("Accepted"), compact_text(figures.traffic.accepted)),
        Figure(_("Rejected"), compact_text(figures.traffic.rejected)),
        Figure(_("Share rejected"), rejected.share),
        Figure(_("Events never sent"), count_text(unsent)),
        Figure(_("Properties never sent"), count_text(properties)),
        Figure(_("Names not in the plan"), count_text(unplanned)),
    ]


def make_day_chart(series: Series, *, days: Sequence[date]) -> DayChart:
    legend = [
        StackSeries(
            key="accepted", name=_("Accepted"), text=count_text(sum(series.accepted)), values=series.accepted
        ),
        StackSeries(
            key="rejected", name=_("Rejected"), text=count_text(sum(series.rejected)), values=series.rejected
        ),
    ]
    top = round_top(max(map(sum, zip(series.accepted, series.rejected, strict=True)), default=0))
    hints = [
        _("%(day)s: %(accepted)s accepted, %(rejected)s rejected")
        % {"day": date_text(day), "accepted": count_text(accepted), "rejected": count_text(rejected)}
        for day, accepted, rejected in zip(days, series.accepted, series.rejected, strict=True)
    ]
    return DayChart(
        legend=legend,
        bars=make_stacks(legend, hints=hints, top=top),
        ticks=[compact_text(top), compact_text(top / 2), "0"],
        days=[date_text(days[0]), date_text(days[-1])],
        label=_("Events by day: %(values)s") % {"values": series_text(series)},
    )
