"""Every event of the plan with what came of it, and the names that came and are not in the plan."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from telemetry.counters.key_traffic import Traffic
from telemetry.models import PlanPart
from telemetry.plan import EventDefinition, TrackingPlan
from telemetry.quality.days import (
    Sending,
    SendingClient,
    SentRow,
    Series,
    SourceClock,
    chosen,
    read_clocks,
    read_rows,
    read_series,
    traffic_of,
)

Key = TypeVar("Key")


@dataclass(frozen=True, kw_only=True)
class PartUse:
    """Accepted events with a part of the plan since counting began, and the UTC days of the first and the last."""

    events: int
    first_day: date
    last_day: date


# (property, value) → use, as PlanPart has them.
PartUses = Mapping[tuple[str, str], PartUse]


@dataclass(frozen=True, kw_only=True)
class DeprecatedUse:
    """Accepted events of a sender that used a deprecated part; the event itself where the part is empty."""

    part: str
    sender: SendingClient
    events: int
    last_at: datetime


@dataclass(frozen=True, kw_only=True)
class EventFigures:
    """An event of the days. Without a definition the plan does not have it.

    `never_sent` are the properties of the plan that no event of this name ever had, in the plan's order; of an event
    that never came they are all. `last_at` is when the last one was accepted within the days.
    """

    name: str
    definition: EventDefinition | None
    traffic: Traffic
    use: PartUse | None
    last_at: datetime | None
    never_sent: Sequence[str]
    deprecated_uses: Sequence[DeprecatedUse]
    series: Series

    @property
    def has_problem(self) -> bool:
        """Whether somebody has to look: something is rejected, or a deprecated part is still sent."""
        return bool(self.traffic.rejected or self.deprecated_uses)


@dataclass(frozen=True, kw_only=True)
class PlanFigures:
    """The events in the plan's order, then unknown names, the most rejected first.

    `senders`, `sources` and `codes` are of all events, the most rejected first. `counted_from` is the first UTC day of
    which there is a figure; None: nothing came yet.
    """

    sending: Sending
    events: Sequence[EventFigures]
    traffic: Traffic
    senders: Sequence[tuple[SendingClient, Traffic]]
    sources: Sequence[tuple[str, Traffic]]
    names_by_code: Mapping[str, Sequence[tuple[str, int]]]
    clocks: Sequence[SourceClock]
    counted_from: date | None


def read_plan_figures(plan: TrackingPlan, *, sending: Sending) -> PlanFigures:
    """What came in the days of the events of the plan, in four queries."""
    all_rows = read_rows(sending)
    rows = chosen(all_rows, sending=sending)
    series = read_series(sending)
    uses = read_uses(environment=sending.environment)
    by_event = grouped(rows, lambda row: row.event)
    empty = Series(accepted=[0] * len(sending.days), rejected=[0] * len(sending.days))
    events = [
        event_figures(
            name,
            definition=plan.events.get(name),
            rows=by_event.get(name, []),
            uses=uses.get(name, {}),
            series=series.get(name, empty),
        )
        for name in (*plan.events, *(name for name in by_event if name not in plan.events))
    ]
    known = [event for event in events if event.definition]
    unknown = [event for event in events if not event.definition]
    return PlanFigures(
        sending=sending,
        events=[*known, *sorted(unknown, key=lambda event: (-event.traffic.rejected, event.name))],
        traffic=traffic_of(rows),
        senders=by_rejected(
            grouped(all_rows, SendingClient.of), name=lambda sender: (sender.source, sender.client)
        ),
        sources=by_rejected(grouped(all_rows, lambda row: row.source), name=str),
        names_by_code=names_by_code(rows),
        clocks=read_clocks(sending),
        counted_from=min((use.first_day for parts in uses.values() for use in parts.values()), default=None),
    )


def grouped(rows: Iterable[SentRow], key: Callable[[SentRow], Key]) -> dict[Key, list[SentRow]]:
    found: defaultdict[Key, list[SentRow]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return dict(found)


def by_rejected(
    groups: Mapping[Key, Sequence[SentRow]], *, name: Callable[[Key], object]
) -> list[tuple[Key, Traffic]]:
    """The traffic of each group: the most rejected first, then the most accepted, then by name."""
    found = [(key, traffic_of(rows)) for key, rows in groups.items()]
    return sorted(found, key=lambda pair: (-pair[1].rejected, -pair[1].accepted, name(pair[0])))


def names_by_code(rows: Iterable[SentRow]) -> dict[str, list[tuple[str, int]]]:
    """Code → (event, rejected events), the most frequent first; so are the codes."""
    found: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        if row.code and not row.is_deprecated_use:
            found[row.code][row.event] += row.events
    ordered = sorted(found.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    return {code: sorted(events.items(), key=lambda item: (-item[1], item[0])) for code, events in ordered}


def event_figures(
    name: str,
    *,
    definition: EventDefinition | None,
    rows: Sequence[SentRow],
    uses: PartUses,
    series: Series,
) -> EventFigures:
    accepted = [row.last_at for row in rows if row.is_accepted]
    properties = definition.properties if definition else ()
    return EventFigures(
        name=name,
        definition=definition,
        traffic=traffic_of(rows),
        use=uses.get(("", "")),
        last_at=max(accepted, default=None),
        never_sent=[part.name for part in properties if (part.name, "") not in uses],
        deprecated_uses=deprecated_uses(rows),
        series=series,
    )


def deprecated_uses(rows: Iterable[SentRow]) -> list[DeprecatedUse]:
    """The most frequent first."""
    uses = [
        DeprecatedUse(part=row.part, sender=SendingClient.of(row), events=row.events, last_at=row.last_at)
        for row in rows
        if row.is_deprecated_use
    ]
    return sorted(uses, key=lambda use: (-use.events, use.part, use.sender.source, use.sender.client))


def read_uses(*, environment: str, event: str | None = None) -> dict[str, PartUses]:
    """Event → its parts, since counting began. There are as many rows as the plan has parts, not more."""
    rows = PlanPart.objects.filter(environment=environment)
    if event is not None:
        rows = rows.filter(event=event)
    found: defaultdict[str, dict[tuple[str, str], PartUse]] = defaultdict(dict)
    for name, part, value, events, first_day, last_day in rows.values_list(
        "event", "property", "value", "events", "first_day", "last_day"
    ):
        found[name][part, value] = PartUse(events=events, first_day=first_day, last_day=last_day)
    return dict(found)
