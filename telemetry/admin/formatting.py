"""Values as the admin's pages show them: links, JSON and durations."""

import json
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def link(url: str, text: object) -> SafeString:
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, text)


def arrival_link(arrival_id: int) -> SafeString:
    return link(reverse("admin:telemetry_arrival_change", args=[arrival_id]), arrival_id)


def pretty_json(value: Any) -> SafeString:
    """JSON as people read it, escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="font-mono text-xs whitespace-pre-wrap break-words">{}</pre>', text)


def compact_duration(duration: timedelta) -> str:
    """A duration in its largest two units: `3 s`, `4 min 10 s`, `2 h 5 min`, `61 d 3 h`."""
    seconds = max(round(duration.total_seconds()), 0)
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount} {name}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def ago(moment: datetime | None, *, now: datetime) -> str:
    """`3 d 2 h ago`, or `never`."""
    return "never" if moment is None else f"{compact_duration(now - moment)} ago"


def percent(share: float) -> str:
    """`2.5 %`. A share that is neither nothing nor everything never looks like it."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{share:.1%}".replace("%", " %") if share < 0.9995 or share == 1 else "over 99.9 %"


def number_of(object_id: str) -> int | None:
    """A row's number from an address; None for what can't be one."""
    return int(object_id) if object_id.isascii() and object_id.isdigit() and len(object_id) < 19 else None
