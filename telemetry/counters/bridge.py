"""The telemetry-to-Prometheus bridge: cumulative counters, increased in the transaction that folds events.

Each event counts exactly once, and a value never falls, whatever retention or erasure remove.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from django.db import connection, transaction

from telemetry.counters.families import FAMILIES, OPEN_LABELS, Family
from telemetry.models import BridgeCounter

OTHER = "other"
SUM = "sum"
LABEL_LENGTH = 200
ROWS_A_STATEMENT = 1000

# A series of a family: its environment and its label values, in the family's order.
Series = tuple[str, tuple[str, ...]]
# Stored values by family, series and bin.
Counters = dict[str, dict[Series, dict[str, int]]]
CounterRow = tuple[str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class Increment:
    """An addition to one counter, or to one bin of a histogram, in the family's smallest unit."""

    family: str
    environment: str
    labels: tuple[str, ...]
    bin: str = ""
    amount: int = 1


class KnownSeries:
    """Series that were seen stored, by family: they stay themselves without a question to the database.

    It learns only what committed; a series that was rolled back must face the budget again.
    """

    def __init__(self) -> None:
        self._series: dict[str, frozenset[Series]] = {}

    def of(self, family: str) -> frozenset[Series]:
        return self._series.get(family, frozenset())

    def learn(self, stored: Mapping[str, Collection[Series]]) -> None:
        for family, series in stored.items():
            self._series[family] = self.of(family).union(series)

    def forget(self) -> None:
        self._series.clear()


known_series = KnownSeries()


def observe(family: str, environment: str, labels: tuple[str, ...], microseconds: int) -> list[Increment]:
    """The increments that add one duration (microseconds) to a histogram: its bucket and the sum.

    Buckets are stored by themselves, not cumulated. Raises KeyError for an unknown family.
    """
    return observe_many(family, [(environment, labels, microseconds)])


def observe_many(family: str, rows: Iterable[tuple[str, tuple[str, ...], int]]) -> list[Increment]:
    """The increments that add many durations, given as (environment, label values, microseconds)."""
    definition = FAMILIES[family]
    totals: dict[tuple[str, tuple[str, ...], str], int] = defaultdict(int)
    for environment, labels, microseconds in rows:
        totals[environment, labels, definition.bin_of(microseconds)] += 1
        totals[environment, labels, SUM] += microseconds
    return [Increment(family, *key, amount) for key, amount in totals.items()]


def increase(increments: Iterable[Increment]) -> None:
    """Adds the increments to what is stored; equal ones are added up first.

    It must run in the transaction that takes what is counted off its queue, or it raises
    TransactionManagementError: that is what makes each event count exactly once. Not safe to repeat. Call it
    once a transaction: rows are locked in key order, so that two workers cannot deadlock. Raises KeyError for
    an unknown family and ValueError for labels that are not the family's or an amount below zero.
    """
    _store(increments, combine="{table}.value + excluded.value")


def raise_to(levels: Iterable[Increment]) -> None:
    """Raises what is stored to the given amounts, where they are higher; otherwise as `increase`.

    Safe to repeat. For totals that are computed anew each time and might fall.
    """
    # SQLite's max() of two values is PostgreSQL's greatest(); CASE is understood by both.
    _store(
        levels, combine="CASE WHEN excluded.value > {table}.value THEN excluded.value ELSE {table}.value END"
    )


def read_counters() -> Counters:
    """Everything that is stored, in one query; its cost depends on the number of series alone."""
    counters: Counters = defaultdict(lambda: defaultdict(dict))
    rows = BridgeCounter.objects.values_list("family", "environment", "labels", "bin", "value")
    for family, environment, labels, bin_name, value in rows:
        counters[family][environment, _decoded(labels)][bin_name] = value
    return counters


def _store(increments: Iterable[Increment], *, combine: str) -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("bridge counters change in their caller's transaction")
    rows = _rows(_within_budget(_summed(increments)))
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        _upsert(rows[start : start + ROWS_A_STATEMENT], combine=combine)


def _summed(increments: Iterable[Increment]) -> list[Increment]:
    """One increment for each family, series and bin."""
    given: dict[tuple[str, str, tuple[str, ...], str], int] = defaultdict(int)
    for increment in increments:
        if increment.amount < 0:
            raise ValueError(f"{increment.family} cannot fall")
        given[increment.family, increment.environment, increment.labels, increment.bin] += increment.amount
    # Labels are looked at once a series: a batch has far more increments than series.
    sane: dict[tuple[str, str, tuple[str, ...], str], int] = defaultdict(int)
    for (family, environment, labels, bin_name), amount in given.items():
        sane[family, environment, _sane_labels(labels, family=FAMILIES[family]), bin_name] += amount
    return [Increment(*key, amount) for key, amount in sane.items()]


def _within_budget(increments: Sequence[Increment]) -> list[Increment]:
    """The increments with the labels under which they are stored: their own, or `other` past the budget."""
    new = {one.family for one in increments if _series(one) not in known_series.of(one.family)}
    if not new:
        return list(increments)
    stored = _stored_series(new)
    # In order, so that what folds does not depend on the order of the batch.
    ordered = sorted(increments, key=lambda one: (one.family, _series(one)))
    folded = [_folded(one, stored=stored[one.family]) if one.family in new else one for one in ordered]
    transaction.on_commit(partial(known_series.learn, stored))
    return _summed(folded)


def _series(increment: Increment) -> Series:
    return increment.environment, increment.labels


def _stored_series(families: Collection[str]) -> dict[str, set[Series]]:
    stored: dict[str, set[Series]] = {family: set() for family in families}
    rows = BridgeCounter.objects.filter(family__in=sorted(families))
    for family, environment, labels in rows.values_list("family", "environment", "labels").distinct():
        stored[family].add((environment, _decoded(labels)))
    return stored


def _folded(increment: Increment, *, stored: set[Series]) -> Increment:
    """The increment of the first series that is stored already or fits; that one is added to `stored`.

    Past the budget the open labels become `other`. Such series may fill the budget once more, so that an
    environment keeps its own; past that the environment becomes `other` too, and growth ends.
    """
    family = FAMILIES[increment.family]
    own, environment_of_its_own = (
        _series(increment),
        (increment.environment, _others(increment, family=family)),
    )
    limit = 2 * family.budget if family.has_open_labels else family.budget
    if own in stored or len(stored) < family.budget:
        series = own
    elif environment_of_its_own in stored or len(stored) < limit:
        series = environment_of_its_own
    else:
        series = (OTHER, environment_of_its_own[1])
    stored.add(series)
    return replace(increment, environment=series[0], labels=series[1])


def _others(increment: Increment, *, family: Family) -> tuple[str, ...]:
    pairs = zip(family.labels, increment.labels, strict=True)
    return tuple(OTHER if name in OPEN_LABELS else value for name, value in pairs)


def _sane_labels(labels: tuple[str, ...], *, family: Family) -> tuple[str, ...]:
    """The label values, or `other` for one that cannot be stored and exposed: a fold never fails on data."""
    if len(labels) != len(family.labels):
        raise ValueError(f"{family.name} has the labels {family.labels}")
    return tuple(value if _is_sane(value) else OTHER for value in labels)


def _is_sane(value: str) -> bool:
    # As it is stored, where a quote or a backslash takes two characters.
    return value.isprintable() and len(_encoded((value,))) <= LABEL_LENGTH + len('[""]')


def _rows(increments: Iterable[Increment]) -> list[CounterRow]:
    """Rows in key order."""
    return sorted(
        (one.family, one.environment, _encoded(one.labels), one.bin, one.amount) for one in increments
    )


def _encoded(labels: tuple[str, ...]) -> str:
    return json.dumps(labels, ensure_ascii=False, separators=(",", ":"))


def _decoded(labels: str) -> tuple[str, ...]:
    return tuple(json.loads(labels))


def _upsert(rows: Sequence[CounterRow], *, combine: str) -> None:
    # The ORM's bulk_create can replace a conflicting row's value, but not combine it with the new one.
    table = connection.ops.quote_name(BridgeCounter._meta.db_table)
    values = ", ".join(["(%s, %s, %s, %s, %s)"] * len(rows))
    statement = (
        f"INSERT INTO {table} (family, environment, labels, bin, value) VALUES {values} "
        f"ON CONFLICT (family, environment, labels, bin) DO UPDATE SET value = {combine.format(table=table)}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for row in rows for value in row])
