"""System checks of the telemetry app."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from telemetry.models import RetentionPolicy
from telemetry.plan import PlanFault, get_compiled_plan, get_plan


@register
def check_tracking_plan(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """telemetry.E001: a fault of the tracking plan, which can't be read or compiled."""
    try:
        get_compiled_plan()
    except PlanFault as fault:
        hint = f"The setting TRACKING_PLAN names {settings.TRACKING_PLAN}; see docs/tracking-plan.md."
        return [Error(sentence, hint=hint, id="telemetry.E001") for sentence in fault.faults]
    return []


@register
def check_metrics_of_plan(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """telemetry.W002: a plan without metrics, as plans of earlier releases are."""
    try:
        has_metrics = bool(get_plan().metrics)
    except PlanFault:
        return []
    if has_metrics:
        return []
    hint = "Copy `buckets` and `metrics` from telemetry/tracking_plan.yaml; see docs/tracking-plan.md."
    return [Warning("The tracking plan has no metrics: Prometheus sees nothing of its events.", hint=hint,
                    id="telemetry.W002")]  # fmt: skip


@register(Tags.database)
def check_policies(
    app_configs: Sequence[Any] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """telemetry.W001: a policy that became shorter than the late window, which counts in its place."""
    if not databases:
        return []
    try:
        short = list(
            RetentionPolicy.objects.filter(is_enabled=True, keep_days__lt=settings.LATE_WINDOW_DAYS).order_by(
                "pk"
            )
        )
    except DatabaseError:
        # Before the first migration there is no table.
        return []
    return [
        Warning(
            f"The retention policy {policy} is shorter than LATE_WINDOW_DAYS ({settings.LATE_WINDOW_DAYS}).",
            hint="Until then the late window counts. Change the policy in the admin.",
            id="telemetry.W001",
        )
        for policy in short
    ]
