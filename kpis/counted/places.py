"""Places in a list of counted rows, and the stretches of time in which the rows of a page are."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django.utils.translation import gettext as _

from kpis.reading.periods import InvalidRange
from workbench.buckets import BASE_BUCKET, EPOCH

MICROSECOND = timedelta(microseconds=1)
# After every source: rows of the cursor's moment itself are all behind it.
LAST_SOURCE = 99
Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, kw_only=True)
class CountedCursor:
    """The list goes on with what is older: than the row of that moment, source and key."""

    moment: datetime
    source: int = LAST_SOURCE
    key: str = "0"

    @property
    def end(self) -> datetime:
        """What lies behind it lies before this moment."""
        return self.moment if self.source == LAST_SOURCE else self.moment + MICROSECOND

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Of `str(cursor)`; None for "". Raises InvalidRange."""
        if not text:
            return None
        found = re.fullmatch(r"([0-9]{1,17})-([0-9]{1,2})-([0-9a-f]{1,32})", text)
        if found is None:
            raise InvalidRange(_("It takes what a page's link gives."), field="older")
        moment = EPOCH + timedelta(microseconds=int(found[1]))
        return cls(moment=moment, source=int(found[2]), key=found[3])

    def __str__(self) -> str:
        return f"{(self.moment - EPOCH) // MICROSECOND}-{self.source}-{self.key}"


@dataclass(frozen=True, kw_only=True)
class SearchedWindow:
    """Where the rows of a page are looked for. `is_last` says that nothing of the range lies before it."""

    stretches: Sequence[Stretch]
    is_last: bool

    @property
    def start(self) -> datetime:
        return min(start for start, _ in self.stretches)


def joined(bucket_starts: Iterable[datetime]) -> list[Stretch]:
    """Base buckets as stretches: neighbours become one."""
    stretches: list[Stretch] = []
    for start in sorted(bucket_starts):
        if stretches and stretches[-1][1] == start:
            stretches[-1] = (stretches[-1][0], start + BASE_BUCKET)
        else:
            stretches.append((start, start + BASE_BUCKET))
    return stretches
