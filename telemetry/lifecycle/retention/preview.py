"""What retention would remove, before a policy is saved and before a run: rows, oldest day and bytes.

Raw events are not counted, because that would read all of them. They are estimated: what the fold counted, less what
the reports say is gone. All other tables are counted. The number of queries depends on the number of tables and
environments, and not on their rows.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db import connection
from django.db.models import Count, Min, Sum
from django.db.models.expressions import RawSQL
from django.db.models.functions import TruncDate

from telemetry.lifecycle.retention import audit_entries, ledger
from telemetry.lifecycle.retention.reports import row_bytes
from telemetry.lifecycle.retention.rows import held, is_due
from telemetry.lifecycle.retention.rules import (
    RetentionRules,
    midnight,
    read_holds,
    read_rules,
    rule_of,
    rules_for_once,
)
from telemetry.lifecycle.retention.runs import ONCE_SUBJECTS
from telemetry.lifecycle.retention.subjects import COUNTED, PrunableTable, tables_of
from telemetry.models import Environment, RawEvent, RetentionPolicy, RetentionReport, RetentionSubject

WHY_KPIS_STAY = (
    "No KPI changes: KPIs are computed from sessions, drafts, runs and counts, which stay when raw events go. Where "
    "those go too, the numbers of their days stay as they are stored, and a rebuild of those days is refused."
)
# Of so many raw events the average size is taken.
SAMPLED_ROWS = 500

# (environment, event, UTC day)
Place = tuple[str, str, date]


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """Rows of a subject that would go. `bytes` are those of the rows, without indexes; `oldest` is a UTC day."""

    subject: str
    environment: str
    event: str
    rows: int
    bytes: int
    oldest: date
    is_estimate: bool = False

    def __str__(self) -> str:
        about = "about " if self.is_estimate else ""
        return (
            f"{self.subject} {self.environment or '-'} {self.event}: {about}{self.rows} rows, "
            f"{about}{self.bytes} bytes, from {self.oldest}"
        )


@dataclass(frozen=True, slots=True)
class RetentionPreview:
    """What would go, in the order in which it is pruned."""

    lines: Sequence[PreviewLine]

    @property
    def rows(self) -> int:
        return sum(line.rows for line in self.lines)

    @property
    def bytes(self) -> int:
        return sum(line.bytes for line in self.lines)

    def texts(self) -> list[str]:
        """The lines, their sum, and why no KPI changes."""
        return [*map(str, self.lines), f"{self.rows} rows, {self.bytes} bytes in all.", WHY_KPIS_STAY]


def of_policies(*, today: date) -> RetentionPreview:
    """What a run of all policies in force would remove."""
    rules = read_rules(today=today)
    return preview(rules, subjects=rules.subjects())


def of_once(*, environment: str, before: date, today: date) -> RetentionPreview:
    """What `manage.py prune --environment --before` would remove."""
    rules = rules_for_once(environment=environment, before=before, subjects=ONCE_SUBJECTS, today=today)
    return preview(rules, subjects=ONCE_SUBJECTS)


def of_policy(policy: RetentionPolicy, *, today: date) -> RetentionPreview:
    """What a run would remove of the policy's subject, were the policy saved as it is now."""
    others = RetentionPolicy.objects.filter(is_enabled=True).exclude(pk=policy.pk)
    policies = [*others.filter(subject=policy.subject), *([policy] if policy.is_enabled else [])]
    rules = RetentionRules(keep=[rule_of(each, today=today) for each in policies], holds=read_holds(today))
    return preview(rules, subjects=[policy.subject] if policies else [])


def preview(rules: RetentionRules, *, subjects: Sequence[str]) -> RetentionPreview:
    return RetentionPreview([line for subject in subjects for line in lines_of(subject, rules=rules)])


def lines_of(subject: str, *, rules: RetentionRules) -> Iterator[PreviewLine]:
    if subject == RetentionSubject.RAW_EVENTS:
        yield from raw_event_lines(rules)
    elif subject == RetentionSubject.LEDGER:
        yield from ledger_lines(rules)
    elif subject == RetentionSubject.AUDIT and (found := audit_entries.what_is_due(rules)):
        yield PreviewLine(subject, "", audit_entries.TABLE, *found)
    for table in tables_of(subject):
        yield from table_lines(table, rules=rules)


def raw_event_lines(rules: RetentionRules) -> Iterator[PreviewLine]:
    latest = rules.latest_cut(RetentionSubject.RAW_EVENTS)
    if latest is None:
        return
    left: Counter[tuple[str, str]] = Counter()
    oldest: dict[tuple[str, str], date] = {}
    for (environment, event, day), rows in sorted(kept_events(before=latest).items()):
        cut = rules.cut(RetentionSubject.RAW_EVENTS, environment=environment, event=event)
        is_held = rules.is_held(environment=environment, first=day, last=day)
        if cut is not None and day < cut and not is_held and rows > 0:
            left[environment, event] += rows
            oldest.setdefault((environment, event), day)
    size = average_size() if left else 0
    for (environment, event), rows in left.items():
        yield PreviewLine(
            RetentionSubject.RAW_EVENTS,
            environment,
            event,
            rows,
            rows * size,
            oldest[environment, event],
            is_estimate=True,
        )


def kept_events(*, before: date) -> Counter[Place]:
    """About how many raw events there are of each day before `before`: those counted, less those reported."""
    kept: Counter[Place] = Counter()
    for table in COUNTED:
        counted = table.model._default_manager.filter(**{f"{table.moment}__lt": midnight(before)})
        groups = counted.values_list("environment", table.event, TruncDate(table.moment))
        for environment, event, day, events in groups.annotate(Sum(table.events)):
            kept[environment, event, day] += events
    reports = RetentionReport.objects.filter(subject=RetentionSubject.RAW_EVENTS, day__lt=before)
    for environment, event, day, rows in reports.values_list("environment", "event", "day").annotate(
        Sum("rows")
    ):
        kept[environment, event, day] -= rows
    return kept


def average_size() -> int:
    """Bytes of a raw event, as some have them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT avg(size) FROM (SELECT {row_bytes(RawEvent, alias='raw')} AS size"
            f" FROM {RawEvent._meta.db_table} AS raw LIMIT {SAMPLED_ROWS}) AS sample"
        )
        return int(cursor.fetchone()[0] or 0)


def table_lines(table: PrunableTable, *, rules: RetentionRules) -> Iterator[PreviewLine]:
    # Rows without moments go with those that they belong to.
    if rules.latest_cut(table.subject) is None or not table.moments:
        return
    names = [name for name in (table.environment, table.event) if name]
    size = RawSQL(row_bytes(table.model, alias=table.model._meta.db_table), [])
    due = table.model._default_manager.filter(table.only, is_due(table, rules=rules)).annotate(row_size=size)
    oldest = [Min(moment) for moment in table.moments]
    for *values, rows, size_in_bytes in (
        due.order_by()
        .values(*names)
        .annotate(
            found=Count("pk"), total=Sum("row_size"), **dict(zip(moment_names(table), oldest, strict=True))
        )
        .values_list(*names, *moment_names(table), "found", "total")
    ):
        places = dict(zip([*names, *moment_names(table)], values, strict=True))
        moments: list[datetime] = [places[name] for name in moment_names(table) if places[name] is not None]
        if moments:
            yield PreviewLine(
                table.subject,
                places.get(table.environment, ""),
                places[table.event] if table.event else str(table.model._meta.model_name),
                rows,
                int(size_in_bytes),
                min(moments).astimezone(UTC).date(),
            )


def moment_names(table: PrunableTable) -> list[str]:
    return [f"oldest_{moment}" for moment in table.moments]


def ledger_lines(rules: RetentionRules) -> Iterator[PreviewLine]:
    for environment in Environment.names():
        cut = rules.cut(RetentionSubject.LEDGER, environment=environment)
        if cut is None:
            continue
        holds = held(("hour",), holds=rules.holds_on(environment))
        rows, oldest = ledger.rows_less(environment=environment, before=cut, held=holds)
        if oldest is not None:
            yield PreviewLine(
                RetentionSubject.LEDGER, environment, "ledgerhour", rows, rows * ledger.ROW_BYTES, oldest
            )
