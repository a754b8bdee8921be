"""Starts the portal's processes, restarts those that die, and stops them all.

It is a program of its own, on the standard library alone, so that it stays small while it waits:
`manage.py portal` prepares everything with Django and then becomes it (os.execv).

DATA_DIR/supervisor.json says how the children are: {name: {"up", "restarts", "backoff_seconds", "pid"}}.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
# A child that was up for this long begins with the first delay again.
STEADY_SECONDS = 60.0
# SIGTERM, and after this SIGKILL.
GRACE_SECONDS = 8.0
# One wish to stop may come as several signals: from the terminal, from make, from a container's init.
SAME_STOP_SECONDS = 1.0
PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    """A process that should be up. All times are of time.monotonic()."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    restarts: int = 0
    failures: int = 0

    def start(self, *, now: float) -> None:
        """Start it in a process group of its own: a Ctrl-C in the terminal reaches the supervisor alone."""
        self.process = subprocess.Popen(  # noqa: S603  (the command is our own)
            self.command, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=die_with_parent
        )
        self.started_at = now

    def bury(self, *, now: float) -> None:
        """It ended by itself: end what it left behind and set the time of its next start."""
        self.signal_group(signal.SIGKILL)
        self.process = None
        self.failures = 1 if now - self.started_at >= STEADY_SECONDS else self.failures + 1
        self.restarts += 1
        self.due_at = now + self.backoff_seconds

    @property
    def backoff_seconds(self) -> float:
        """0.5, 1, 2, 4 … 30 seconds after its first, second, third … failure in a row."""
        doublings = min(self.failures, 10) - 1
        return min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0**doublings)

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal_group(self, number: signal.Signals) -> None:
        """To everything that it started as well, also where it has ended itself."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def state(self) -> dict[str, float | int | bool]:
        return {
            "up": self.is_up,
            "restarts": self.restarts,
            "backoff_seconds": 0 if self.process else self.backoff_seconds,
            "pid": self.process.pid if self.process else 0,
        }


class Supervisor:
    """Keeps the children up until SIGINT, SIGTERM or SIGHUP; a second one ends them at once."""

    def __init__(self, commands: Mapping[str, Sequence[str]], *, state_path: Path) -> None:
        self.children = [Child(name=name, command=command) for name, command in commands.items()]
        self.state_path = state_path
        self.stop_at: float | None = None
        self.is_hurried = False
        self.written = ""

    def run(self, *, address: tuple[str, int] | None = None, announcement: str = "") -> None:
        """Returns when all children are gone. `announcement` is printed as soon as `address` can be reached."""
        waker = self.listen_to_signals()
        while self.stop_at is None:
            self.keep_up(now=time.monotonic())
            if address and can_connect(address):
                say(announcement)
                address = None
            wait(waker, seconds=0.2 if address else 1.0)
        self.stop(waker)

    def listen_to_signals(self) -> int:
        """A descriptor that can be read whenever a signal came."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        return reader

    def ask_to_stop(self, number: int, frame: object) -> None:
        now = time.monotonic()
        self.stop_at = self.stop_at or now
        self.is_hurried = now - self.stop_at > SAME_STOP_SECONDS

    def keep_up(self, *, now: float) -> None:
        """Bury who died, start who is due, write the state where it changed."""
        for child in self.children:
            if child.process is not None and not child.is_up:
                log(f"{child.name} ended with status {child.process.returncode}")
                child.bury(now=now)
            if child.process is None and child.due_at <= now:
                child.start(now=now)
        self.write_state()

    def write_state(self) -> None:
        """Replaces the file in one step, so that a reader never sees a part of it.

        A disk that is full is no reason to stop watching: it is tried again the next time.
        """
        text = json.dumps({child.name: child.state() for child in self.children})
        if text != self.written:
            with contextlib.suppress(OSError):
                replace_file(self.state_path, text)
                self.written = text

    def stop(self, waker: int) -> None:
        """SIGTERM to each child, then SIGKILL to what is left after GRACE_SECONDS or at a second signal."""
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self.children:
            if child.process is not None and child.is_up:
                child.process.terminate()
        while any(child.is_up for child in self.children) and time.monotonic() < deadline:
            if self.is_hurried:
                break
            wait(waker, seconds=0.2)
        for child in self.children:
            child.signal_group(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()
        self.write_state()


def replace_file(path: Path, text: str) -> None:
    aside = path.with_suffix(".new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def die_with_parent() -> None:
    """On Linux the kernel ends the child when the supervisor is killed; elsewhere it lives on."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def can_connect(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=0.5).close()
    except OSError:
        return False
    return True


def wait(waker: int, *, seconds: float) -> None:
    """Until a signal comes or the time is over."""
    if select.select([waker], [], [], seconds)[0]:
        os.read(waker, 1024)


def say(text: str) -> None:
    write_line(sys.stdout, text)


def log(message: str) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    line = {"time": now, "level": "error", "logger": "config.processes.supervisor", "message": message}
    write_line(sys.stderr, json.dumps(line))


def write_line(stream: TextIO, text: str) -> None:
    """Where it is a file on a full disk, the line is lost and nothing else."""
    with contextlib.suppress(OSError):
        stream.write(f"{text}\n")
        stream.flush()


def main(argument: str) -> None:
    """`argument` is JSON: {"commands": {name: [word, …]}, "state", "host", "port", "announcement", "lock",
    "scratch"}.

    `lock` is the descriptor that holds the lock of DATA_DIR: it stays open here and reaches no child. `scratch`
    is a directory on memory that is removed in the end.
    """
    plan = json.loads(argument)
    os.set_inheritable(plan["lock"], False)
    supervisor = Supervisor(plan["commands"], state_path=Path(plan["state"]))
    try:
        supervisor.run(address=(plan["host"], plan["port"]), announcement=plan["announcement"])
    finally:
        shutil.rmtree(plan["scratch"], ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
