"""The thresholds of alerts: the file that the setting THRESHOLDS names, and those by which the portal raises its own.

Prometheus's rules are written from the same file, so that an alert means the same whoever finds it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import msgspec
from django.conf import settings

from telemetry.models import NoticeSeverity

# As Prometheus writes durations.
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class ThresholdFault(Exception):
    """The file of thresholds can't be used; the text says why."""


class KpiEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The window over which a KPI is judged (kpis.reading.windows), how much it matters, how long its end is held."""

    window: str
    severity: NoticeSeverity
    keep_firing_for: str = ""


class AlertEntry(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"for_": "for", "with_": "with"}
):
    """An alert with the numbers that decide. They stand as $name in the expression and the texts.

    `for` is how long it must hold before it fires, `keep_firing_for` how long it must not before it is over.
    """

    alert: str
    severity: NoticeSeverity
    expr: str
    summary: str
    description: str
    for_: str = ""
    keep_firing_for: str = ""
    with_: dict[str, int | float | str] = {}


class ThresholdFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kpi: KpiEntry
    alerts: tuple[AlertEntry, ...]


@dataclass(frozen=True, kw_only=True)
class AlertThreshold:
    """An alert that the portal finds itself. `numbers` have the names that the file gives them.

    It is over when it was not found for as long as `kept`.
    """

    name: str
    severity: NoticeSeverity
    numbers: Mapping[str, float] = field(default_factory=dict)
    window: timedelta = timedelta(0)
    kept: timedelta = timedelta(0)


def read_thresholds(path: Path) -> ThresholdFile:
    """Raises ThresholdFault."""
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=ThresholdFile)
    except (OSError, msgspec.DecodeError) as error:
        raise ThresholdFault(f"{path}: {error}") from error


def own_threshold(name: str, *, file: ThresholdFile, needs: frozenset[str]) -> AlertThreshold:
    """The threshold of the file's alert of this name, whose `with` has what it `needs`. Raises ThresholdFault."""
    entry = next((entry for entry in file.alerts if entry.alert == name), None)
    if entry is None or not needs <= entry.with_.keys():
        raise ThresholdFault(f"The portal finds {name} itself: it needs {', '.join(sorted(needs))} of it.")
    return AlertThreshold(
        name=name,
        severity=entry.severity,
        numbers={key: value for key, value in entry.with_.items() if not isinstance(value, str)},
        window=duration_of(str(entry.with_.get("window", "0s"))),
        kept=duration_of(entry.keep_firing_for or "0s"),
    )


def duration_of(text: str) -> timedelta:
    """Of a duration of one unit, like 30m. Raises ThresholdFault."""
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in UNITS:
        raise ThresholdFault(f"{text!r} is no duration like 30m or 1h")
    return timedelta(**{UNITS[unit]: int(number)})


# Read once a process: a portal that does not know when to raise an alert does not start.
FILE = read_thresholds(settings.THRESHOLDS)

KPI_WINDOW = FILE.kpi.window
KPI_OFF_TARGET = AlertThreshold(
    name="KpiOffTarget", severity=FILE.kpi.severity, kept=duration_of(FILE.kpi.keep_firing_for or "0s")
)
ROLLUP_LAG_HIGH = own_threshold("RollupLagHigh", file=FILE, needs=frozenset({"seconds"}))
NO_EVENTS = own_threshold("NoEvents", file=FILE, needs=frozenset({"events", "window"}))
# The window is this hour or the one before, because rejected events are counted by hours.
QUARANTINE_GROWING = own_threshold("QuarantineGrowing", file=FILE, needs=frozenset({"events", "share"}))
# What the health report finds critical; Prometheus has no such rule.
HEALTH_CRITICAL = AlertThreshold(name="HealthCritical", severity=NoticeSeverity.PAGE)

THRESHOLDS = (KPI_OFF_TARGET, ROLLUP_LAG_HIGH, NO_EVENTS, QUARANTINE_GROWING, HEALTH_CRITICAL)
