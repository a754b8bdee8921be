"""What a check of the health report finds."""

from dataclasses import dataclass
from enum import StrEnum


class HealthStatus(StrEnum):
    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


# From the best to the worst.
SEVERITY = (HealthStatus.OK, HealthStatus.WARNING, HealthStatus.CRITICAL)


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one line: a sentence, and the number that decided where there is one, in the line's unit.

    `details` are pairs of a name and a text, the most important first. `action` says what to do where that is not what
    the line's check says.
    """

    status: HealthStatus
    text: str
    value: float | None = None
    details: tuple[tuple[str, str], ...] = ()
    action: str = ""


def worst(*statuses: HealthStatus) -> HealthStatus:
    """The worst of them; OK for none."""
    return max(statuses, key=SEVERITY.index, default=HealthStatus.OK)


def status_above(value: float, *, warning: float, critical: float) -> HealthStatus:
    """By the limit that the value has reached; each limit itself counts as reached."""
    if value >= critical:
        return HealthStatus.CRITICAL
    return HealthStatus.WARNING if value >= warning else HealthStatus.OK


def status_below(value: float, *, warning: float, critical: float) -> HealthStatus:
    """By the limit that the value has fallen to; each limit itself counts as reached."""
    return status_above(-value, warning=-warning, critical=-critical)


def counted(number: int, singular: str, plural: str = "") -> str:
    """`1 key`, `2,000 keys`."""
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


def seconds_text(seconds: float) -> str:
    """A duration in its largest whole unit: `40 s`, `12 min`, `5 h`, `3 days`."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def bytes_text(size: float) -> str:
    """Bytes in binary units: `512 B`, `20.0 KiB`, `1.5 GiB`."""
    if size < 1024:
        return f"{size:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:.1f} TiB"
