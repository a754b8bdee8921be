"""Records what the scrape says of the objectives, every few seconds, outside of requests.

It reads the same samples that Prometheus does, so both come to the same figures. Of the processes that share a
directory of metrics one records; when it ends, another one takes over.
"""

import fcntl
import logging
import os
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

from django.db import connection
from django.utils import timezone

from metrics.collector import snapshots
from metrics.exposition import in_memory_families
from metrics.indicators import read_levels, read_states, sample_names, select
from objectives.definitions import IndicatorSource, Objective, get_objectives
from objectives.recording import minute_of, record_levels, record_states

logger = logging.getLogger(__name__)

# As often as Prometheus scrapes.
INTERVAL_SECONDS = 10
DATABASE = "database"


@dataclass
class ObjectiveRecorder:
    """`folder` is where the processes of one start share their metrics; None: this process counts alone.

    `minute` is the last one whose states were recorded.
    """

    folder: Path | None = None
    own_source: str = field(default_factory=lambda: uuid.uuid4().hex)
    lock: IO[str] | None = None
    minute: datetime | None = None

    def record(self, *, now: datetime) -> None:
        """Record what was counted up to `now`, if it is this process's turn. Safe to repeat."""
        if not self.is_its_turn():
            return
        objectives = get_objectives().values()
        self.record_processes(
            [one for one in objectives if one.indicator.source is IndicatorSource.PROCESS], now=now
        )
        self.record_database(
            [one for one in objectives if one.indicator.source is IndicatorSource.DATABASE], now=now
        )

    def is_its_turn(self) -> bool:
        """Whether no other process of the folder records; from then on it is this one, until it ends."""
        if self.folder is None or self.lock is not None:
            return True
        lock = (self.folder / "recorder").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        # The counters are those of the folder, whichever process reads them: so is the source.
        lock.seek(0)
        if source := lock.read():
            self.own_source = source
        else:
            lock.write(self.own_source)
            lock.flush()
        self.lock = lock
        return True

    def record_processes(self, objectives: list[Objective], *, now: datetime) -> None:
        samples = select(in_memory_families(), names=sample_names(objectives))
        levels = read_levels(objectives, samples=samples)
        record_levels(levels, source=self.own_source, begins_at_zero=True, now=now)

    def record_database(self, objectives: list[Objective], *, now: datetime) -> None:
        snapshot = snapshots.get(now=now)
        # Without a database there is nothing to record, and nothing to record it in.
        if snapshot.has_failed:
            return
        samples = select((*snapshot.workbench, *snapshot.portal), names=sample_names(objectives))
        levels = read_levels(objectives, samples=samples)
        # Its counters are older than the recording of them.
        record_levels(levels, source=DATABASE, begins_at_zero=False, now=now)
        if self.minute != minute_of(now):
            record_states(read_states(objectives, samples=samples), now=now)
            self.minute = minute_of(now)


def record_in_background() -> threading.Thread:
    """Record every INTERVAL_SECONDS in a thread, as long as this process runs."""
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    recorder = ObjectiveRecorder(folder=Path(shared) if shared else None)
    thread = threading.Thread(target=keep_recording, args=[recorder], name="record objectives", daemon=True)
    thread.start()
    return thread


def keep_recording(recorder: ObjectiveRecorder) -> None:
    while True:
        time.sleep(INTERVAL_SECONDS)
        record_once(recorder)


def record_once(recorder: ObjectiveRecorder) -> None:
    """Record, and keep going whatever happens: what was not recorded now is the next time."""
    try:
        recorder.record(now=timezone.now())
    except Exception as error:
        # A driver's message may quote values: only the class is logged.
        logger.warning("The objectives could not be recorded: %s", type(error).__name__)
    finally:
        connection.close()
