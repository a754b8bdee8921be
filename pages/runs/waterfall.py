"""The waterfall of a run: its agent runs, model calls and approvals on one line of time. Nothing but arithmetic.

The page draws it as SVG, without a script and without a style of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, takewhile

# Places and widths are per cent of the drawing's width: so bars keep their corners at any width.
WIDTH = 100
# So that what took no time can be seen.
LEAST_WIDTH = 0.4
MOST_DEPTH = 6
MOST_TICKS = 6
# Seconds between two marks of time: the first that gives few enough is taken.
STEPS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
    7200, 14_400, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunSpan:
    """A part of the run. `end` is None while it goes on; `parent` is the key of another span, or unknown, or "".

    `key` is its place in the nesting, `kind` is `agent`, `call` or `approval`, `state` one of `completed`, `failed`,
    `cancelled`, `running`.
    """

    key: str
    parent: str
    kind: str
    name: str
    note: str
    start: datetime
    end: datetime | None
    state: str
    attempt: int = 1


@dataclass(frozen=True, kw_only=True)
class Bar:
    """From `x` on, `width` wide."""

    x: float
    width: float


@dataclass(frozen=True, kw_only=True)
class WaterfallRow:
    """A span with its bar. `marks` are calls that have no row of their own."""

    span: RunSpan
    depth: int
    bar: Bar
    seconds: float
    offset_seconds: float
    marks: Sequence[Bar] = ()
    marked: int = 0


@dataclass(frozen=True, kw_only=True)
class Tick:
    x: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Waterfall:
    rows: Sequence[WaterfallRow]
    ticks: Sequence[Tick]
    seconds: float


def lay_out(
    spans: Sequence[RunSpan],
    *,
    start: datetime,
    end: datetime,
    marks: Mapping[str, Sequence[RunSpan]] | None = None,
) -> Waterfall:
    """All spans as rows, parents before their children, each level by time. The line of time spans all of them.

    `marks` are spans that are drawn on the row of the span with that key, in place of rows of their own.
    """
    marks = marks or {}
    everything = [*spans, *(span for group in marks.values() for span in group)]
    start = min([start, *(span.start for span in everything)])
    end = max([end, *(span.end or span.start for span in everything)], default=end)
    length = max((end - start).total_seconds(), 0.001)

    def bar(span: RunSpan) -> Bar:
        return make_bar(span, start=start, end=end, seconds=length)

    rows = [
        WaterfallRow(
            span=span,
            depth=min(depth, MOST_DEPTH),
            bar=bar(span),
            seconds=max(0.0, ((span.end or end) - span.start).total_seconds()),
            offset_seconds=(span.start - start).total_seconds(),
            marks=[bar(mark) for mark in marks.get(span.key, ())],
            marked=len(marks.get(span.key, ())),
        )
        for span, depth in nested(spans)
    ]
    return Waterfall(rows=rows, ticks=make_ticks(length), seconds=length)


def nested(spans: Sequence[RunSpan]) -> Iterator[tuple[RunSpan, int]]:
    """Each span once with its depth: a span whose parent is not known, or that is its own ancestor, stands at 0."""
    keys = {span.key for span in spans}
    children: dict[str, list[int]] = defaultdict(list)
    roots: list[int] = []
    ordered = sorted(spans, key=lambda span: (span.start, span.end or span.start))
    for place, span in enumerate(ordered):
        is_child = span.parent in keys and span.parent != span.key
        (children[span.parent] if is_child else roots).append(place)
    seen: set[int] = set()
    # Spans that go round in a circle have no root: the first of them becomes one.
    for root in [*roots, *range(len(ordered))]:
        stack = [(root, 0)]
        while stack:
            place, depth = stack.pop()
            if place in seen:
                continue
            seen.add(place)
            yield ordered[place], depth
            stack.extend((child, depth + 1) for child in reversed(children[ordered[place].key]))


def make_bar(span: RunSpan, *, start: datetime, end: datetime, seconds: float) -> Bar:
    offset = (span.start - start) / timedelta(seconds=1)
    length = max(0.0, ((span.end or end) - span.start) / timedelta(seconds=1))
    width = max(LEAST_WIDTH, WIDTH * length / seconds)
    x = min(WIDTH * offset / seconds, WIDTH - LEAST_WIDTH)
    return Bar(x=round(x, 2), width=round(min(width, WIDTH - x), 2))


def make_ticks(seconds: float) -> list[Tick]:
    """Round moments from the beginning on, not too many, and none at the very end, where its label has no room."""
    step = next((step for step in STEPS if seconds / step <= MOST_TICKS), seconds / MOST_TICKS)
    moments: Iterable[float] = takewhile(
        lambda moment: moment < seconds * 0.95, (step * number for number in count())
    )
    return [Tick(x=round(WIDTH * moment / seconds, 2), seconds=moment) for moment in moments]
