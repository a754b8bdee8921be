"""System checks of the telemetry app."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from telemetry.plan import PlanFault, get_compiled_plan


@register
def check_tracking_plan(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """telemetry.E001: a fault of the tracking plan, which can't be read or compiled."""
    try:
        get_compiled_plan()
    except PlanFault as fault:
        hint = f"The setting TRACKING_PLAN names {settings.TRACKING_PLAN}; see docs/tracking-plan.md."
        return [Error(sentence, hint=hint, id="telemetry.E001") for sentence in fault.faults]
    return []
