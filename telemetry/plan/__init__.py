"""The tracking plan: the one source of what clients may send (tracking_plan.yaml)."""

from functools import cache

from django.conf import settings

from telemetry.plan.compatibility import find_breaking_changes, find_lost_counts
from telemetry.plan.compiling import CompiledEvent, CompiledPlan, compile_plan
from telemetry.plan.definitions import (
    Deprecation,
    EventDefinition,
    PropertyDefinition,
    PropertyType,
    TrackingPlan,
)
from telemetry.plan.documents import PlanFault
from telemetry.plan.metrics import FamilyType, MetricDefinition
from telemetry.plan.reading import parse_plan, read_plan
from telemetry.plan.schema import json_schema, plan_as_dict

__all__ = [
    "CompiledEvent",
    "CompiledPlan",
    "Deprecation",
    "EventDefinition",
    "FamilyType",
    "MetricDefinition",
    "PlanFault",
    "PropertyDefinition",
    "PropertyType",
    "TrackingPlan",
    "compile_plan",
    "find_breaking_changes",
    "find_lost_counts",
    "get_compiled_plan",
    "get_plan",
    "json_schema",
    "parse_plan",
    "plan_as_dict",
    "read_plan",
]


def get_plan() -> TrackingPlan:
    """The running plan: what the setting TRACKING_PLAN names. Raises PlanFault when it can't be used."""
    return get_compiled_plan().plan


@cache
def get_compiled_plan() -> CompiledPlan:
    """The running plan with its validators, read once a process. Raises PlanFault when it can't be used."""
    return compile_plan(read_plan(settings.TRACKING_PLAN))
