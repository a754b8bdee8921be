"""What the objectives are: the file that the setting OBJECTIVES names, as frozen data."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from types import MappingProxyType

import msgspec
from django.conf import settings

NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
MINUTES_A_DAY = 24 * 60


class ObjectiveFault(Exception):
    """The file of objectives can't be used; the text says why."""


class IndicatorSource(Enum):
    """Where an indicator's samples are counted: in each process's memory, or in the database that all share."""

    PROCESS = "process"
    DATABASE = "database"


class Selector(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Samples of a scrape by name and by regular expressions that match whole label values."""

    sample: str
    labels: dict[str, str] = {}
    without: dict[str, str] = {}

    def takes(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether a sample is one of these. A label that it lacks is empty, as Prometheus has it."""
        return (
            name == self.sample
            and all(re.fullmatch(value, labels.get(label, "")) for label, value in self.labels.items())
            and not any(re.fullmatch(value, labels.get(label, "")) for label, value in self.without.items())
        )

    def __post_init__(self) -> None:
        for pattern in (*self.labels.values(), *self.without.values()):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None


class Indicator(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A share: either counters `good` and `total`, or the minutes in which `gauge` is `below` a value."""

    source: IndicatorSource
    good: Selector | None = None
    total: Selector | None = None
    gauge: Selector | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        is_set = [part is not None for part in (self.good, self.total, self.gauge, self.below)]
        if is_set not in ([True, True, False, False], [False, False, True, True]):
            raise ValueError("an indicator has either good and total, or gauge and below")


class Objective(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A promise: of the indicator's total, the share `target` is good over the last `window_days`, up to now.

    `minimum` is how much the total must be in an alert's longer window. `unit` is what the total counts, for people.
    """

    name: str
    title: str
    description: str
    target: float
    window_days: int
    minimum: int
    unit: str
    indicator: Indicator

    def __post_init__(self) -> None:
        if not re.match(NAME, self.name):
            raise ValueError(f"{self.name!r} is no name: it takes small letters, digits and dashes")
        if not 0 < self.target < 1:
            raise ValueError("target lies between 0 and 1")
        if not 1 <= self.window_days <= 366:
            raise ValueError("window_days is 1 to 366")

    @property
    def budget(self) -> float:
        """The share that may be bad."""
        return 1 - self.target

    @property
    def smallest_sample(self) -> int:
        """How much there must be before the budget is judged: of less, a single bad one would overspend it."""
        # Rounded: 1 / (1 - 0.9) is a little more than 10.
        return max(self.minimum, math.ceil(round(1 / self.budget, 6)))

    @property
    def shortest_span(self) -> timedelta:
        """For how long must be counted before the budget is judged: as far as the longest of its alerts looks back."""
        return timedelta(minutes=min(self.window_minutes, BURN_WINDOWS[-1].long_minutes))

    @property
    def alert_name(self) -> str:
        """Of the alerts on its budget: IngestLatencyBurning for ingest-latency."""
        return "".join(part.capitalize() for part in self.name.split("-")) + "Burning"

    @property
    def window_minutes(self) -> int:
        return self.window_days * MINUTES_A_DAY


class ObjectiveFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    objectives: tuple[Objective, ...]


@dataclass(frozen=True)
class BurnWindow:
    """An alert fires while the share of bad ones in both windows would spend `share` of the budget in the long one.

    Source: The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts".
    """

    share: float
    long_minutes: int
    short_minutes: int
    severity: str

    def factor(self, objective: Objective) -> float:
        """How many times faster than allowed the budget is then spent."""
        return self.share * objective.window_minutes / self.long_minutes


HOUR = 60
BURN_WINDOWS = (
    BurnWindow(0.02, HOUR, 5, "page"),
    BurnWindow(0.05, 6 * HOUR, 30, "page"),
    BurnWindow(0.10, 24 * HOUR, 2 * HOUR, "ticket"),
    BurnWindow(0.10, 72 * HOUR, 6 * HOUR, "ticket"),
)


def burn_windows(objective: Objective) -> Iterator[BurnWindow]:
    """Those whose alert can fire: with a low target even nothing but bad ones may not burn as fast as that."""
    return (window for window in BURN_WINDOWS if window.factor(objective) * objective.budget < 1)


def read_objectives(path: Path) -> Mapping[str, Objective]:
    """The objectives by name, in the order of the file. Raises ObjectiveFault."""
    try:
        objectives = msgspec.yaml.decode(path.read_bytes(), type=ObjectiveFile).objectives
    except (OSError, msgspec.DecodeError) as error:
        raise ObjectiveFault(f"{path}: {error}") from error
    twice = [name for name, count in Counter(one.name for one in objectives).items() if count > 1]
    if twice:
        raise ObjectiveFault(f"{path}: {', '.join(twice)} stands there twice")
    return MappingProxyType({objective.name: objective for objective in objectives})


@cache
def get_objectives() -> Mapping[str, Objective]:
    """The objectives of this portal, read once a process. Raises ObjectiveFault."""
    return read_objectives(settings.OBJECTIVES)
