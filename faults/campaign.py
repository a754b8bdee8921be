"""Portals are started, faults strike them one after the other, and each fault makes a row."""

import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import NotStarted
from faults.catalogue import FAULTS
from faults.clients import Crowd, posting
from faults.clock import make_clock
from faults.probe import Probes, probing
from faults.programs import (
    Program,
    make_database,
    portal,
    postgres,
    postgres_programs,
    redis,
    started,
    wait_until,
)
from faults.stage import Fault, Stage
from faults.truth import Truth, find_truth
from tests import services

# Clients post undisturbed for so long before and after a fault.
CALM_SECONDS = 1.0
SHORT_CALM_SECONDS = 0.5
READY_SECONDS = 60
RECOVERY_SECONDS = 60
MOST_HEALTHZ_SECONDS = 0.1
MOST_READYZ_SECONDS = 2.0
SMALL_DISK = "size=40m"


@dataclass(frozen=True, kw_only=True)
class FaultOutcome:
    """What a fault did. `recovery_seconds` is None where the portal did not recover in time."""

    answers: Counter[str]
    truth: Truth
    healthz: Probes
    readyz: Probes
    recovery_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table: green without complaints. Without an outcome the fault was not tried, or not to its end.

    `seconds` is how long the row took, from the first post until the KPIs were compared.
    """

    fault: str
    database: str
    outcome: FaultOutcome | None = None
    seconds: float = 0.0
    complaints: Sequence[str] = ()
    missing: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """`judges_times`: /healthz and /readyz have their bars; a machine that is busy elsewhere misses them.

    `common_place` is where the faults strike that have no place of their own.
    """

    names: Sequence[str] = tuple(FAULTS)
    databases: Sequence[str] = ("SQLite", "PostgreSQL")
    is_short: bool = False
    judges_times: bool = True
    common_place: str = ""

    def run(self) -> Iterator[Row]:
        """A row as soon as it is known. In the end nothing that was started or mounted is left."""
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            # PostgreSQL has a user of its own, who must get through.
            Path(folder).chmod(0o711)
            for database in self.databases:
                names = [name for name in self.names if database in FAULTS[name].databases]
                yield from self.run_on(database, names=names, folder=Path(folder))

    def run_on(self, database: str, *, names: Sequence[str], folder: Path) -> Iterator[Row]:
        if missing := missing_programs(database):
            yield from not_tried(names, database=database, missing=missing)
            return
        with ExitStack() as stack:
            try:
                servers = stack.enter_context(servers_for(database, folder=folder))
            except NotStarted as failure:
                yield from not_started(names, database=database, failure=failure)
                return
            for place in dict.fromkeys(map(self.place_of, names)):
                here = [name for name in names if self.place_of(name) == place]
                yield from self.run_at(place, database=database, names=here, servers=servers, folder=folder)

    def run_at(
        self, place: str, *, database: str, names: Sequence[str], servers: Sequence[Program], folder: Path
    ) -> Iterator[Row]:
        possible = []
        for name in names:
            if missing := sorted(set(FAULTS[name].needs).intersection(services.missing())):
                yield from not_tried([name], database=database, missing=missing)
            else:
                possible.append(name)
        if possible:
            yield from self.run_on_a_stage(
                place, database=database, names=possible, servers=servers, folder=folder
            )

    def run_on_a_stage(
        self, place: str, *, database: str, names: Sequence[str], servers: Sequence[Program], folder: Path
    ) -> Iterator[Row]:
        with ExitStack() as stack:
            try:
                stage = stack.enter_context(
                    stage_for(place, servers=servers, folder=folder, is_short=self.is_short)
                )
            except NotStarted as failure:
                yield from not_started(names, database=database, failure=failure)
                return
            yield from (self.strike(name, stage=stage, database=database) for name in names)

    def place_of(self, name: str) -> str:
        return FAULTS[name].place or self.common_place

    def strike(self, name: str, *, stage: Stage, database: str) -> Row:
        stage.complaints.clear()
        began_at = time.monotonic()
        try:
            stage.portal.start_if_ended()
            outcome, heard = try_out(name, stage=stage)
        except NotStarted as failure:
            [row] = not_started([name], database=database, failure=failure)
            return row
        measured = complaints_of(outcome, fault=FAULTS[name], judges_times=self.judges_times)
        return Row(
            fault=name,
            database=database,
            outcome=outcome,
            seconds=time.monotonic() - began_at,
            complaints=[*measured, *heard, *stage.complaints],
        )


def not_tried(names: Sequence[str], *, database: str, missing: Sequence[str]) -> Iterator[Row]:
    yield from (Row(fault=name, database=database, missing=missing) for name in names)


def not_started(names: Sequence[str], *, database: str, failure: NotStarted) -> Iterator[Row]:
    """Red rows: the faults could not be tried, and the campaign goes on without them."""
    yield from (Row(fault=name, database=database, complaints=[str(failure)]) for name in names)


def try_out(name: str, *, stage: Stage) -> tuple[FaultOutcome, list[str]]:
    """(what the fault did, what the clients complain of)."""
    port, key = stage.portal.port, stage.portal.prepared["keys"][name]["ingest"]
    seed = list(FAULTS).index(name)
    calm_seconds = SHORT_CALM_SECONDS if stage.is_short else CALM_SECONDS
    with FAULTS[name].watch(stage) as check:
        with probing(port=port) as probes, posting(port=port, key=key, seed=seed) as crowd:
            time.sleep(calm_seconds)
            FAULTS[name].strike(stage)
            recovery_seconds = recover(stage, crowd=crowd)
            time.sleep(calm_seconds)
        truth = find_truth(stage.portal, environment=name, settled=crowd.settled)
        check(name, truth)
    outcome = FaultOutcome(
        answers=crowd.answers,
        truth=truth,
        healthz=probes["/healthz"],
        readyz=probes["/readyz"],
        recovery_seconds=recovery_seconds,
    )
    return outcome, crowd.complaints


def recover(stage: Stage, *, crowd: Crowd) -> float | None:
    """Seconds until every client's events are accepted again and /readyz says yes."""
    began_at = time.monotonic()
    is_well = wait_until(
        lambda: crowd.all_settled_since(began_at) and stage.portal.is_ready(), seconds=RECOVERY_SECONDS
    )
    return time.monotonic() - began_at if is_well else None


def complaints_of(outcome: FaultOutcome, *, fault: Fault, judges_times: bool) -> list[str]:
    """Why the row is red."""
    truth = outcome.truth
    faults = {
        f"{truth.lost} events lost": truth.lost > 0,
        f"{truth.doubled} events doubled": truth.doubled > 0,
        "rows are not what was accepted": truth.rows != truth.accepted,
        f"wrong: {', '.join(truth.wrong_kpis)}": bool(truth.wrong_kpis),
        f"no recovery within {RECOVERY_SECONDS} s": outcome.recovery_seconds is None,
        f"/healthz away {outcome.healthz.away} times": outcome.healthz.away > 0 and not fault.takes_web_down,
        "/healthz slow": judges_times and outcome.healthz.percentile(0.99) > MOST_HEALTHZ_SECONDS,
        "/readyz slow": judges_times and outcome.readyz.percentile(1) > MOST_READYZ_SECONDS,
    }
    return [complaint for complaint, is_so in faults.items() if is_so]


# Places ---------------------------------------------------------------------------------------------------


def missing_programs(database: str) -> list[str]:
    """What the database's servers need and the machine does not have."""
    if database == "SQLite":
        return []
    paths = {"PostgreSQL": postgres_programs(), "redis-server": services.program(("redis-server",))}
    return [name for name, path in paths.items() if not path]


@contextmanager
def servers_for(database: str, *, folder: Path) -> Iterator[Sequence[Program]]:
    """A PostgreSQL and a Redis of the campaign's own; none for SQLite."""
    if database == "SQLite":
        yield ()
        return
    with (
        started(postgres(make_folder(folder, "postgres"))) as database_server,
        started(redis(make_folder(folder, "redis"))) as broker,
    ):
        yield database_server, broker


@contextmanager
def stage_for(place: str, *, servers: Sequence[Program], folder: Path, is_short: bool) -> Iterator[Stage]:
    """A portal that is ready: on the servers, or on SQLite without them."""
    own = make_folder(folder, f"{place or 'portal'} {len(servers)}".replace(" ", "-"))
    with ExitStack() as stack:
        if place == "small disk":
            (own / "data").mkdir()
            stack.enter_context(mounted(own / "data"))
        clock = make_clock(own) if place == "own clock" else None
        more = dict(clock.variables) if clock else {}
        site = portal(own, **addresses(servers, name=own.name), **more)
        stack.enter_context(started(site))
        stage = Stage(
            portal=site,
            postgres=servers[0] if servers else None,
            redis=servers[1] if servers else None,
            clock=clock,
            is_short=is_short,
        )
        _ = site.prepared
        wait_until(site.is_ready, seconds=READY_SECONDS)
        yield stage


def addresses(servers: Sequence[Program], *, name: str) -> dict[str, str]:
    if not servers:
        return {}
    database_server, broker = servers
    # Each portal has a database of its own, and its own one in Redis.
    number = 1 if "clock" in name else 0
    return {
        "database_url": make_database(database_server, name=f"portal_{number}"),
        "redis_url": f"redis://127.0.0.1:{broker.port}/{number}",
    }


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """A small file system on memory."""
    subprocess.run(
        [*services.as_root(), "mount", "-t", "tmpfs", "-o", f"{SMALL_DISK},mode=777", "tmpfs", str(folder)],
        check=True,
    )
    try:
        yield
    finally:
        subprocess.run([*services.as_root(), "umount", str(folder)], check=True)


def make_folder(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made
