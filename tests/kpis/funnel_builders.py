"""Builders of stored rows of the funnel, as the rollup would write them."""

import json
from collections.abc import Sequence
from typing import Any

from kpis.histogram import bin_of
from kpis.models import FunnelBucket, StoredGranularity
from tests.kpis.builders import DAY
from workbench.models import FunnelStep


def make_funnel(
    *sessions: int, sources: Sequence[str] = (), used_template: bool = False, seconds: int = 60, **fields: Any
) -> None:
    """Day rows of 2026-02-10: so many sessions took each step, `seconds` after the one before."""
    for step, count in zip(FunnelStep, sessions, strict=False):
        is_first = step is FunnelStep.SESSION_STARTED
        FunnelBucket.objects.create(
            **{
                "environment": "production",
                "granularity": StoredGranularity.DAY,
                "period_start": DAY,
                "step": step,
                "sources": json.dumps(sources) if sources else "",
                "used_template": used_template,
                "sessions": count,
                "microseconds": 0 if is_first else count * seconds * 1_000_000,
                "histogram": {} if is_first else {str(bin_of(seconds * 1_000_000)): count},
                **fields,
            }
        )
