"""Grafana's own types of a dashboard, from its package for Python."""

import json
import warnings
from collections.abc import Iterator
from typing import Any


def lost_in_grafana(content: Any) -> list[str]:
    """Places of what Grafana's types do not know of the dashboard: they read and write it, and drop all else."""
    with warnings.catch_warnings():
        # It says that there is a second schema, which Grafana does not provision from files yet.
        warnings.simplefilter("ignore", DeprecationWarning)
        from grafana_foundation_sdk.cog.encoder import JSONEncoder
        from grafana_foundation_sdk.cog.plugins import register_default_plugins
        from grafana_foundation_sdk.models.dashboard import Dashboard

        register_default_plugins()
        kept = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(content)))
    return list(lost(content, kept))


def lost(source: Any, kept: Any, place: str = "") -> Iterator[str]:
    """Places of the source that the other does not have."""
    if isinstance(source, dict) and isinstance(kept, dict):
        for key, value in source.items():
            yield from lost(value, kept[key], f"{place}.{key}") if key in kept else [f"{place}.{key}"]
    elif isinstance(source, list) and isinstance(kept, list) and len(source) == len(kept):
        for number, (one, other) in enumerate(zip(source, kept, strict=True)):
            yield from lost(one, other, f"{place}[{number}]")
    elif source != kept:
        yield place
