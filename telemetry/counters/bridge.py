"""The metric bridge: stored counters that feed Prometheus, increased in the transaction that folds events.

Each event counts exactly once. A value never falls, also when retention or erasure remove its events.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from django.db import connection, transaction

from telemetry.counters.families import Family, families
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
    """The series, by family, that this process has seen stored: these skip the query for the budget.

    Only committed series are learned. A series that was rolled back must pass the budget again.
    """

    def __init__(self) -> None:
        self._series: dict[str, frozenset[Series]] = {}

    def of_family(self, family: str) -> frozenset[Series]:
        return self._series.get(family, frozenset())

    def learn(self, stored_series: Mapping[str, Collection[Series]]) -> None:
        for family, series in stored_series.items():
            self._series[family] = self.of_family(family).union(series)

    def forget(self) -> None:
        self._series.clear()


known_series = KnownSeries()


def observe(family: str, rows: Iterable[tuple[str, tuple[str, ...], int, int]]) -> list[Increment]:
    """The increments that add values to a histogram, given as (environment, label values, value, how many of it).

    A value is in the family's smallest unit. A stored bucket counts its own values only; the scrape cumulates. One
    more bin has the sum. Raises KeyError for an unknown family.
    """
    definition = families()[family]
    totals: dict[tuple[str, tuple[str, ...], str], int] = defaultdict(int)
    for environment, labels, value, count in rows:
        totals[environment, labels, definition.bin_of(value)] += count
        totals[environment, labels, SUM] += value * count
    return [Increment(family, *key, amount) for key, amount in totals.items()]


def increase(increments: Iterable[Increment]) -> None:
    """Add the increments to the stored counters; increments of one counter are summed first.

    Run it in the transaction that takes the counted events off their queue, so that each counts exactly once.
    Not safe to repeat. Call it only once a transaction: it locks rows in key order, so that two workers cannot
    deadlock. Raises TransactionManagementError outside of a transaction, KeyError for an unknown family, and
    ValueError for labels that the family does not have or an amount below zero.
    """
    _store(increments, combine="{table}.value + excluded.value")


def raise_to(levels: Iterable[Increment]) -> None:
    """Raise each stored counter to the given level where that is higher; otherwise as `increase`.

    Safe to repeat. It is for totals that are computed anew each time and might fall.
    """
    # CASE, because the larger of two values is max() on SQLite and greatest() on PostgreSQL.
    _store(
        levels, combine="CASE WHEN excluded.value > {table}.value THEN excluded.value ELSE {table}.value END"
    )


def read_counters() -> Counters:
    """All stored counters, in one query. Its cost depends only on the number of series."""
    counters: Counters = defaultdict(lambda: defaultdict(dict))
    rows = BridgeCounter.objects.values_list("family", "environment", "labels", "bin", "value")
    for family, environment, labels, bin_name, value in rows:
        counters[family][environment, _decode(labels)][bin_name] = value
    return counters


def _store(increments: Iterable[Increment], *, combine: str) -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "bridge counters may change only in their caller's transaction"
        )
    rows = _rows(_within_budget(_sum_up(increments)))
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        _upsert(rows[start : start + ROWS_A_STATEMENT], combine=combine)


def _sum_up(increments: Iterable[Increment]) -> list[Increment]:
    """One increment for each family, series and bin."""
    totals: dict[tuple[str, str, tuple[str, ...], str], int] = defaultdict(int)
    for increment in increments:
        if increment.amount < 0:
            raise ValueError(f"{increment.family} cannot fall")
        totals[increment.family, increment.environment, increment.labels, increment.bin] += increment.amount
    # Labels are checked once a series: a batch has far more increments than series.
    known = families()
    storable: dict[tuple[str, str, tuple[str, ...], str], int] = defaultdict(int)
    for (family, environment, labels, bin_name), amount in totals.items():
        storable[family, environment, _storable_labels(labels, family=known[family]), bin_name] += amount
    return [Increment(*key, amount) for key, amount in storable.items()]


def _within_budget(increments: Sequence[Increment]) -> list[Increment]:
    """The increments with the labels under which they are stored: their own, or `other` past the budget."""
    growing = {
        increment.family
        for increment in increments
        if _series(increment) not in known_series.of_family(increment.family)
    }
    if not growing:
        return list(increments)
    stored_series = _stored_series(growing)
    # Sorted, so that the order of the batch does not decide which series still fit.
    ordered = sorted(increments, key=lambda increment: (increment.family, _series(increment)))
    within_budget = [
        _within_family_budget(increment, stored_series=stored_series[increment.family])
        if increment.family in growing
        else increment
        for increment in ordered
    ]
    transaction.on_commit(partial(known_series.learn, stored_series))
    return _sum_up(within_budget)


def _series(increment: Increment) -> Series:
    return increment.environment, increment.labels


def _stored_series(families: Collection[str]) -> dict[str, set[Series]]:
    stored_series: dict[str, set[Series]] = {family: set() for family in families}
    rows = BridgeCounter.objects.filter(family__in=sorted(families))
    for family, environment, labels in rows.values_list("family", "environment", "labels").distinct():
        stored_series[family].add((environment, _decode(labels)))
    return stored_series


def _within_family_budget(increment: Increment, *, stored_series: set[Series]) -> Increment:
    """The increment under the first of three series that is stored already or still fits; `stored_series` gets it.

    The series are: its own; with `other` for each open label; and with `other` for the environment too. The
    second kind may fill the budget once more, so that every environment keeps its own. The third ends growth.
    """
    family = families()[increment.family]
    own = _series(increment)
    of_environment = (increment.environment, _without_open_labels(increment, family=family))
    limit = 2 * family.budget if family.open_labels else family.budget
    if own in stored_series or len(stored_series) < family.budget:
        series = own
    elif of_environment in stored_series or len(stored_series) < limit:
        series = of_environment
    else:
        series = (OTHER, of_environment[1])
    stored_series.add(series)
    return replace(increment, environment=series[0], labels=series[1])


def _without_open_labels(increment: Increment, *, family: Family) -> tuple[str, ...]:
    pairs = zip(family.labels, increment.labels, strict=True)
    return tuple(OTHER if name in family.open_labels else value for name, value in pairs)


def _storable_labels(labels: tuple[str, ...], *, family: Family) -> tuple[str, ...]:
    """The label values, with `other` for one that cannot be stored and exposed: a fold never fails on data."""
    if len(labels) != len(family.labels):
        raise ValueError(f"{family.name} has the labels {family.labels}")
    return tuple(value if _is_storable(value) else OTHER for value in labels)


def _is_storable(value: str) -> bool:
    # Measured as it is stored: a quote or a backslash takes two characters there.
    return value.isprintable() and len(_encode((value,))) <= LABEL_LENGTH + len('[""]')


def _rows(increments: Iterable[Increment]) -> list[CounterRow]:
    """Rows in key order."""
    return sorted(
        (increment.family, increment.environment, _encode(increment.labels), increment.bin, increment.amount)
        for increment in increments
    )


def _encode(labels: tuple[str, ...]) -> str:
    return json.dumps(labels, ensure_ascii=False, separators=(",", ":"))


# A scrape reads the same labels each time. There are no more of them than the budgets of all families allow.
@lru_cache(maxsize=20_000)
def _decode(labels: str) -> tuple[str, ...]:
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
