"""Events on disk until they are settled, so that a restart loses none of them.

Each process writes files of its own, one event a line, and holds the lock of each while it lives. Whoever gets the lock
of a file takes over what its process left behind.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench_analytics.values import MAX_EVENT_BYTES, Event

try:
    import fcntl
except ImportError:  # pragma: no cover (Windows)
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger("workbench_analytics")

FOLDER = "workbench-analytics"
SUFFIX = ".jsonl"
SEGMENT_BYTES = 256 * 1024
SEGMENT_EVENTS = 1_000
# A file that says more is none of ours.
MAX_READ_BYTES = 8 * 1024 * 1024
# After a full disk, and between two looks for what other processes left behind.
RETRY_SECONDS = 30.0
SCAN_SECONDS = 60.0
# Whoever looks for files just when one is made may lock it before its maker does.
CREATE_TRIES = 3
OPEN_FLAGS = os.O_RDWR | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Spool:
    """Where events wait on disk, and how many: the option `spool` of a client.

    directory: made with mode 0700 if it is missing; files in it get mode 0600.
    max_bytes: what all processes together may keep there. Each may go over it by one file of 256 KiB.
    max_age_seconds: what is older is dropped, and counted.
    """

    directory: str | os.PathLike[str]
    max_bytes: int = 64 * 1024 * 1024
    max_age_seconds: float = 7 * 86_400.0


class Segment:
    """One file, which this process holds by its lock."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        self.size = 0
        self.lines = 0
        # Events in memory that are on one of its lines and not settled.
        self.pending = 0
        # Events that are on disk only: they are for whoever claims the file next.
        self.left = 0

    def append(self, body: bytes) -> None:
        """Raises OSError; the line is then not there."""
        line = body + b"\n"
        written = os.write(self._fd, line)
        if written != len(line):
            os.ftruncate(self._fd, self.size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += written
        self.lines += 1
        self.pending += 1

    def read(self) -> list[bytes]:
        return os.pread(self._fd, MAX_READ_BYTES, 0).split(b"\n")

    def age(self, *, now: float) -> float:
        return now - os.fstat(self._fd).st_mtime

    def clear(self) -> None:
        os.ftruncate(self._fd, 0)
        self.size = self.lines = 0

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.leave()

    def leave(self) -> None:
        """Give up the lock, unless a process that was forked holds it too."""
        os.close(self._fd)


@dataclass(frozen=True)
class LeftOver:
    """What a file holds that another process, or this one, left behind."""

    segment: Segment
    events: tuple[Event, ...]
    corrupt: int
    expired: int


class SpoolFiles:
    """The files of one client in one process.

    Another thread may claim while one keeps, holds, releases or leaves; all but `claim` need a common lock.
    """

    def __init__(self, spool: Spool, *, url: str, key: str, max_queue_events: int) -> None:
        self._folder = Path(spool.directory) / FOLDER
        # Clients of another portal or key keep their events apart.
        self._prefix = hashlib.sha256(f"{url}\n{key}".encode()).hexdigest()[:12] + "-"
        self._max_bytes, self._max_age = spool.max_bytes, spool.max_age_seconds
        self._segment_bytes = min(SEGMENT_BYTES, spool.max_bytes // 4)
        # What comes back must find room in the queue, whole.
        self._segment_events = max(1, min(SEGMENT_EVENTS, max_queue_events // 4))
        self._current: Segment | None = None
        self._held: set[Segment] = set()
        self._left: dict[Path, int] = {}
        self._found: list[Path] = []
        self._next_scan = 0.0
        self._next_try = 0.0
        self._is_failing = False

    # Keeping ----------------------------------------------------------------------------------------------

    def keep(self, event: Event) -> Event:
        """The event with its place on disk; as it was, and a warning, where there is none for it. Never raises."""
        if self._is_failing and time.monotonic() < self._next_try:
            return event
        try:
            segment = self._writable()
            segment.append(event.body)
        except OSError as error:
            self._fail(error)
            return event
        self._is_failing = False
        return event._replace(segment=segment)

    def release(self, events: Iterable[Event]) -> None:
        """These events are settled."""
        for segment in _places(events):
            segment.pending -= 1
            self._tidy(segment)

    def leave(self, events: Iterable[Event]) -> int:
        """These events are no longer in memory; returns how many are on disk."""
        count = 0
        for segment in _places(events):
            segment.pending -= 1
            segment.left += 1
            count += 1
            self._tidy(segment)
        return count

    def close(self) -> None:
        """What is not settled stays for the next process."""
        for segment in list(self._held):
            self._drop(segment, keep=bool(segment.pending or segment.left))

    def forget(self) -> None:
        """In the child of a fork: the files are the parent's."""
        for segment in list(self._held):
            segment.leave()

    def discard_left(self) -> None:
        """Remove what this process itself left on disk, as far as nobody has claimed it."""
        for segment in self._held:
            segment.left = 0
        for path in list(self._left):
            claimed = _lock_existing(path)
            if claimed is not None:
                claimed.remove()
            del self._left[path]

    # Claiming ---------------------------------------------------------------------------------------------

    @property
    def seconds_until_scan(self) -> float:
        return max(0.0, self._next_scan - time.monotonic())

    def postpone_scan(self) -> None:
        self._next_scan = time.monotonic() + SCAN_SECONDS

    def has_left_over(self) -> bool:
        """Whether there are files, which may yet be those of other processes that live."""
        return fcntl is not None and any(name.startswith(self._prefix) for name, _ in self._files())

    def claim(self, *, now: float) -> LeftOver | None:
        """The oldest file that nobody holds, with its events; None when there is none. `now` is a Unix time.

        `hold` must follow. Never raises.
        """
        if not self._found and self.seconds_until_scan == 0 and fcntl is not None:
            self.postpone_scan()
            self._found = self._claimable(now=now)
        while self._found:
            left_over = self._claim(self._found.pop(), now=now)
            if left_over is not None:
                return left_over
        return None

    def hold(self, segment: Segment) -> int:
        """Keep a claimed file until its events are settled; returns how many this process has left there itself."""
        self._held.add(segment)
        returned = self._left.pop(segment.path, 0)
        self._tidy(segment)
        return returned

    def _claim(self, path: Path, *, now: float) -> LeftOver | None:
        segment = _lock_existing(path)
        if segment is None:
            return None
        try:
            return self._read(segment, now=now)
        except OSError as error:
            logger.warning("A file of the spool cannot be read: %s.", error.strerror)
            segment.leave()
            return None

    def _claimable(self, *, now: float) -> list[Path]:
        """The newest first. What is too old is claimed whoever wrote it, or it would never go."""
        files = [
            (found.st_mtime, name)
            for name, found in self._files()
            if name.startswith(self._prefix) or now - found.st_mtime > self._max_age
        ]
        return [self._folder / name for _, name in sorted(files, reverse=True)]

    def _read(self, segment: Segment, *, now: float) -> LeftOver:
        lines = [line for line in segment.read() if line]
        expired = len(lines) if segment.age(now=now) > self._max_age else 0
        events = [] if expired else [event for event in map(_parse, lines) if event is not None]
        segment.pending = len(events)
        return LeftOver(
            segment=segment,
            events=tuple(event._replace(segment=segment) for event in events),
            corrupt=0 if expired else len(lines) - len(events),
            expired=expired,
        )

    # Files ------------------------------------------------------------------------------------------------

    def _writable(self) -> Segment:
        current = self._current
        if (
            current is not None
            and current.size < self._segment_bytes
            and current.lines < self._segment_events
        ):
            return current
        self._current = None
        if current is not None:
            self._tidy(current)
        self._current = self._create()
        return self._current

    def _create(self) -> Segment:
        if fcntl is None:
            raise OSError(errno.ENOSYS, "there are no file locks on this system")
        _prepare(self._folder)
        used = sum(found.st_size for _, found in self._files())
        if used + self._segment_bytes > self._max_bytes:
            raise OSError(errno.ENOSPC, "the spool is full")
        for _ in range(CREATE_TRIES):
            path = self._folder / f"{self._prefix}{os.urandom(8).hex()}{SUFFIX}"
            segment = _lock(path, os.open(path, OPEN_FLAGS | os.O_CREAT | os.O_EXCL, 0o600))
            if segment is not None:
                self._held.add(segment)
                return segment
        raise OSError(errno.EAGAIN, "other processes claim its files")

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False):
                        yield entry.name, entry.stat(follow_symlinks=False)
        except OSError:
            return

    def _tidy(self, segment: Segment) -> None:
        """Empty, remove or give up a file that no event in memory needs."""
        if segment.pending or segment not in self._held:
            return
        if segment is self._current and not segment.left:
            segment.clear()
        else:
            self._drop(segment, keep=bool(segment.left))

    def _drop(self, segment: Segment, *, keep: bool) -> None:
        if segment is self._current:
            self._current = None
        self._held.discard(segment)
        if not keep:
            segment.remove()
            return
        self._left[segment.path] = segment.left
        segment.leave()

    def _fail(self, error: OSError) -> None:
        if self._current is not None:
            # The end of its last line is not known.
            self._current.lines = self._segment_events
        self._next_try = time.monotonic() + RETRY_SECONDS
        level = logging.DEBUG if self._is_failing else logging.WARNING
        self._is_failing = True
        logger.log(level, "The spool takes no events: %s. They are kept in memory only.", error.strerror)


def _places(events: Iterable[Event]) -> Iterator[Segment]:
    return (event.segment for event in events if event.segment is not None)


def _parse(line: bytes) -> Event | None:
    """None for what is no event, such as a line that was cut short."""
    try:
        content = json.loads(line)
        event_id, name = content["id"], content["event"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    is_event = isinstance(event_id, str) and isinstance(name, str) and len(line) <= MAX_EVENT_BYTES
    return Event(event_id, name, line) if is_event else None


def _prepare(folder: Path) -> None:
    """Raises OSError for a folder that is not this user's."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise OSError(errno.EPERM, "its directory belongs to somebody else")
    if found.st_mode & OTHERS:
        folder.chmod(0o700)


def _lock_existing(path: Path) -> Segment | None:
    try:
        fd = os.open(path, OPEN_FLAGS)
    except OSError:
        return None
    return _lock(path, fd)


def _lock(path: Path, fd: int) -> Segment | None:
    """The file, if nobody holds it and nobody has removed it meanwhile."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_nlink:
            return Segment(path, fd)
    except OSError:
        pass
    os.close(fd)
    return None
