"""When runs of before were seen, by what is stored of them; runs that only agents or approvals name become known.

In steps, each with the fold's locks, so that it may go on while the portal runs: both only widen what the other wrote.
"""

from datetime import datetime
from itertools import chain
from typing import Any

from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ROWS_PER_STEP = 1000
# Models whose rows speak of a run, and the moments at which they do.
SOURCES = (
    ("WorkflowRun", ("started_at", "completed_at")),
    ("AgentRun", ("started_at", "completed_at")),
    ("ApprovalRequest", ("requested_at",)),
    ("ApprovalDecision", ("decided_at",)),
)
Seen = dict[tuple[str, str], list[datetime]]


def fill_seen(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    runs = apps.get_model("workbench", "WorkflowRun")
    environments = apps.get_model("telemetry", "Environment").objects.order_by("name")
    for name, moments in SOURCES:
        model = apps.get_model("workbench", name)
        after = None
        while rows := next_rows(model, moments, after=after):
            with transaction.atomic():
                seen = seen_in(rows)
                list(environments.select_for_update(no_key=True).filter(name__in={name for name, _ in seen}))
                widen(runs, seen)
            after = rows[-1][0]


def next_rows(model: Any, moments: tuple[str, ...], *, after: Any) -> list[tuple[Any, ...]]:
    """(key, environment, run, moments …) of the next rows, in the order of the primary key."""
    rows = model.objects.order_by("pk") if after is None else model.objects.filter(pk__gt=after).order_by("pk")
    return list(rows.values_list("pk", "environment", "run_id", *moments)[:ROWS_PER_STEP])


def seen_in(rows: list[tuple[Any, ...]]) -> Seen:
    seen: Seen = {}
    for _, environment, run_id, *moments in rows:
        known = [moment for moment in moments if moment is not None]
        if run_id and known:
            seen.setdefault((environment, run_id), []).extend(known)
    return seen


def widen(runs: Any, seen: Seen) -> None:
    # Index: workflow_run_unique (run_id, environment). Those that are there already stay as they are.
    runs.objects.bulk_create(
        [runs(environment=environment, run_id=run_id) for environment, run_id in sorted(seen)], ignore_conflicts=True
    )
    stored = runs.objects.filter(run_id__in={run_id for _, run_id in seen})
    widened = [run for run in stored if (run.environment, run.run_id) in seen]
    for run in widened:
        moments = seen[run.environment, run.run_id]
        run.first_seen_at = min(filter(None, chain(moments, [run.first_seen_at])))
        run.last_seen_at = max(filter(None, chain(moments, [run.last_seen_at])))
    runs.objects.bulk_update(widened, ["first_seen_at", "last_seen_at"], batch_size=100)


class Migration(migrations.Migration):
    # Each step commits.
    atomic = False

    dependencies = [
        ("telemetry", "0014_link_spans_of_no_role"),
        ("workbench", "0006_note_what_is_known_of_model_calls"),
    ]

    operations = [migrations.RunPython(fill_seen, migrations.RunPython.noop, elidable=True)]
