"""System checks of the objectives."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from objectives.definitions import ObjectiveFault, read_objectives


@register
def check_objectives(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """objectives.E001: the file of objectives can't be read, or says what makes no sense."""
    try:
        read_objectives(settings.OBJECTIVES)
    except ObjectiveFault as fault:
        hint = f"The setting OBJECTIVES names {settings.OBJECTIVES}; see docs/objectives.md."
        return [Error(str(fault), hint=hint, id="objectives.E001")]
    return []
