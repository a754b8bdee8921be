"""Which plans the portal's processes have loaded. They are stored when a process starts, and never by a post."""

import json
import logging
import socket
import threading
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from django.db import Error as DatabaseFault
from django.db import connection, transaction
from django.utils import timezone

from audit import trail
from audit.models import Verb
from telemetry.models import PlanLoad, PlanVersion
from telemetry.plan import (
    PlanFault,
    TrackingPlan,
    find_breaking_changes,
    find_lost_counts,
    get_plan,
    plan_as_dict,
)
from telemetry.plan.differences import PlanDifference, find_differences
from telemetry.plan.remote import plan_from_dict
from web.maintenance import is_database_gone

logger = logging.getLogger(__name__)

# Machines in containers get a new name with each start. Of these many loads the newest are kept.
MOST_LOADS = 200
MACHINE_LENGTH = 253


@dataclass(frozen=True, kw_only=True)
class PlanComparison:
    """What differs between two plans, and what the newer one breaks, as sentences: of clients, and of stored counts."""

    differences: tuple[PlanDifference, ...]
    breaking: tuple[str, ...]


def canonical_text(plan: TrackingPlan) -> str:
    """The plan as JSON. Plans that differ only in the order of their parts, or in comments, have the same text."""
    content = plan_as_dict(plan)
    content["events"] = sorted((_canonical_event(event) for event in content["events"]), key=_name)
    if "metrics" in content:
        content["metrics"] = sorted(content["metrics"], key=_name)
    # ASCII, so that both databases store any description.
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _canonical_event(event: dict[str, Any]) -> dict[str, Any]:
    properties = [
        {**definition, "values": sorted(definition["values"])} if "values" in definition else definition
        for definition in event["properties"]
    ]
    return {**event, "properties": sorted(properties, key=_name)}


def _name(part: dict[str, Any]) -> str:
    return str(part["name"])


def digest_of_plan(plan: TrackingPlan) -> str:
    """SHA-256 of the canonical text, as 64 hexadecimal digits: what tells two plans apart."""
    return sha256(canonical_text(plan).encode()).hexdigest()


def record_load(*, plan: TrackingPlan, process: str, now: datetime, machine: str = "") -> PlanVersion:
    """Store that a process (`web`, `worker`, `scheduler`) of a machine (else: this one) has loaded the plan.

    Safe to repeat, also by many processes at once: a plan has one row, and so has a process of a machine.
    """
    version = PlanVersion(
        digest=digest_of_plan(plan),
        version=str(plan.version)[:20],
        content=canonical_text(plan),
        first_loaded_at=now,
        last_loaded_at=now,
    )
    stored = store_version(version, process=process)
    name = (machine or socket.gethostname())[:MACHINE_LENGTH]
    PlanLoad.objects.bulk_create(
        [PlanLoad(machine=name, process=process, plan=stored, loaded_at=now)],
        update_conflicts=True,
        unique_fields=["machine", "process"],
        update_fields=["plan", "loaded_at"],
    )
    forget_old_loads()
    return stored


def forget_old_loads() -> None:
    """Keep the newest MOST_LOADS loads. What another process stores meanwhile is not looked at, so it stays."""
    stored = PlanLoad.objects.order_by("-loaded_at", "-pk").values_list("pk", flat=True)
    PlanLoad.objects.filter(pk__in=list(stored[MOST_LOADS:])).delete()


@transaction.atomic
def store_version(version: PlanVersion, *, process: str) -> PlanVersion:
    """The plan's row. A new plan is noted in the audit."""
    is_known = PlanVersion.objects.filter(digest=version.digest).exists()
    PlanVersion.objects.bulk_create(
        [version], update_conflicts=True, unique_fields=["digest"], update_fields=["last_loaded_at"]
    )
    stored = PlanVersion.objects.get(digest=version.digest)
    # Of processes that start together, the one whose row it is notes it.
    if not is_known and stored.first_loaded_at == version.first_loaded_at:
        trail.note(Verb.CREATED, subject=stored, details={"version": stored.version, "process": process})
    return stored


def record_running_plan(*, process: str) -> None:
    """Store that this process has loaded the running plan. A process starts also without a database, or a plan."""
    # To connect would make an empty file, which would pass for the database.
    if is_database_gone():
        return
    try:
        record_load(plan=get_plan(), process=process, now=timezone.now())
    except (DatabaseFault, PlanFault) as fault:
        # The driver's message may quote values: only the class is logged.
        logger.warning("That the plan was loaded could not be stored: %s", type(fault).__name__)


def record_in_background(*, process: str) -> threading.Thread:
    """The same in a thread, for a process that must not wait for the database before it answers."""

    def record() -> None:
        try:
            record_running_plan(process=process)
        finally:
            connection.close()

    thread = threading.Thread(target=record, name="record the plan", daemon=True)
    thread.start()
    return thread


def compare(*, old: PlanVersion, new: PlanVersion, today: date) -> PlanComparison:
    """What a change from the old plan to the new one means. `today` is a day in UTC.

    Raises PlanFault for a plan of an earlier release that today's rules no longer read.
    """
    before, after = read_version(old), read_version(new)
    return PlanComparison(
        differences=tuple(find_differences(old=before, new=after)),
        breaking=(
            *find_breaking_changes(old=before, new=after, today=today),
            *find_lost_counts(old=before, new=after),
        ),
    )


def read_version(version: PlanVersion) -> TrackingPlan:
    """The stored plan. Raises PlanFault if today's rules no longer read it."""
    return plan_from_dict(json.loads(version.content), name=f"plan {version.digest[:12]}")
