"""Numbers for people: what a preview and a receipt count. They hold no id."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any


def add_to(report: dict[str, Any], name: str, counts: Mapping[Any, int]) -> None:
    """Add counts to the report's table of that name; a count of zero adds no line."""
    table = report.setdefault(name, {})
    for key, count in counts.items():
        if count:
            table[str(key)] = table.get(str(key), 0) + count


def add_number(report: dict[str, Any], name: str, count: int) -> None:
    report[name] = report.get(name, 0) + count


def add_days(report: dict[str, Any], days: Iterable[date]) -> None:
    """Widen the report's range of days, both included."""
    texts = {day.isoformat() for day in days}
    if texts:
        report["first_day"] = min({*texts, report.get("first_day", "9999")})
        report["last_day"] = max({*texts, report.get("last_day", "")})
