"""The lines of families, kept from one scrape to the next.

Writing all of them took most of a scrape's time, and few of them change between two scrapes. A stored series whose
values are as they were keeps its lines. Of one that changed, what stands before the values stays. Another family keeps
its text while all of its samples are as they were.
"""

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass

from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.utils import floatToGoString

from metrics.families.stored import Bins, StoredFamily, metric_of
from telemetry.counters.bridge import Series
from telemetry.counters.families import Family


@dataclass(frozen=True)
class Families:
    """Metric families in the shape of a registry, which prometheus_client's encoders need."""

    families: Iterable[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.families


@dataclass(frozen=True, slots=True)
class SeriesLines:
    """The lines of one series with the values that they show, and what stands before each value."""

    bins: Bins
    beginnings: tuple[str, ...]
    text: str


class KeptLines:
    """The newest lines of each series. They are as many as the budgets of the families allow.

    Threads may share it: lines are replaced as a whole, and used only where they show the values that were asked for.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Family, dict[Series, SeriesLines]]] = {}

    def of_family(self, stored: StoredFamily) -> str:
        """The samples' lines of the family, by order of its series; the same text in both formats."""
        kept = self._of(stored.family)
        texts = []
        for series in sorted(stored.series):
            bins = stored.series[series]
            lines = kept.get(series)
            if lines is None or lines.bins != bins:
                lines = kept[series] = write_lines(stored.family, series, bins, earlier=lines)
            texts.append(lines.text)
        return "".join(texts)

    def _of(self, family: Family) -> dict[Series, SeriesLines]:
        """Nothing, if the plan describes the family in another way than before."""
        described, kept = self._kept.get(family.name, (None, {}))
        if described is not family:
            kept = {}
            self._kept[family.name] = (family, kept)
        return kept


kept_lines = KeptLines()


def write_lines(family: Family, series: Series, bins: Bins, *, earlier: SeriesLines | None) -> SeriesLines:
    metric = metric_of(family, {series: bins})
    beginnings = earlier.beginnings if earlier else read_beginnings(metric)
    values = (
        floatToGoString(sample.value)  # type: ignore[no-untyped-call]  # It has no types.
        for sample in metric.samples
    )
    text = "".join(f"{beginning}{value}\n" for beginning, value in zip(beginnings, values, strict=True))
    return SeriesLines(bins=bins, beginnings=beginnings, text=text)


def read_beginnings(metric: Metric) -> tuple[str, ...]:
    """What the library writes of each sample before its value, which stands after the last space of a line."""
    lines = generate_latest(Families([metric])).decode().split("\n")
    return tuple(line[: line.rindex(" ") + 1] for line in lines if line and not line.startswith("#"))


@dataclass(frozen=True, slots=True)
class MetricText:
    """What the library wrote of a family that was as `shown`."""

    shown: Metric
    text: bytes


class KeptTexts:
    """The newest text of each family in each format. Threads may share it, as KeptLines."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], MetricText] = {}

    def of_metric(self, metric: Metric, *, format: str, to_text: Callable[[Families], bytes]) -> bytes:
        """What `to_text` writes of the family."""
        kept = self._kept.get((format, metric.name))
        # Metrics are equal where all that is written of them is.
        if kept is None or kept.shown != metric:
            shown = copy(metric)
            # A collector may add to the list of a family that it made before.
            shown.samples = [*metric.samples]
            kept = self._kept[format, metric.name] = MetricText(shown=shown, text=to_text(Families([metric])))
        return kept.text


kept_texts = KeptTexts()
