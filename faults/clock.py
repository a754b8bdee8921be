"""A wall clock that can be set for the processes of one portal alone, by a preloaded library."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import services

SOURCE = Path(__file__).with_name("clock.c")
DAY_SECONDS = 24 * 60 * 60


@dataclass(frozen=True)
class Clock:
    """`offset` is a file that says by how many seconds the clock is ahead."""

    library: Path
    offset: Path

    @property
    def variables(self) -> Mapping[str, str]:
        """With these, a process has this clock."""
        return {"LD_PRELOAD": str(self.library), "CLOCK_OFFSET_FILE": str(self.offset)}

    def set(self, seconds: int) -> None:
        aside = self.offset.with_suffix(".new")
        aside.write_text(str(seconds))
        aside.replace(self.offset)


def make_clock(folder: Path) -> Clock:
    """A clock that is right, with its files in the folder. Needs a C compiler."""
    clock = Clock(library=folder / "clock.so", offset=folder / "offset")
    compiler = services.program(services.COMPILERS)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(clock.library), str(SOURCE)], check=True)
    clock.set(0)
    return clock
