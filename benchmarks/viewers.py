"""(m) Ingest and pages while many people look at a page that keeps itself up to date, against nobody looking.

A viewer asks as static/portal/polling.js does: for the fragment, with the ETag of the one that it has, and again
POLL_SECONDS after the answer.
"""

import asyncio
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection
from statistics import median
from time import perf_counter

from benchmarks import load
from benchmarks.ingest_batch import DOOR, recent_events
from benchmarks.ingest_single import CONNECTIONS
from benchmarks.options import Options
from benchmarks.report import Comparison
from benchmarks.servers import Databases, Site, site

TITLE = "(m) viewers who poll"
POLL_SECONDS = 3.0
POSTS_BAR, PAGES_BAR = ">= 0.909", "<= 1.1"
# What they look at, and the pages that somebody else asks for meanwhile.
VIEWED = {"/runs/": "/runs/?range=all&part=live", "/live/": "/live/?part=live"}
PAGES = {"/": "/", "/runs/": "/runs/?range=all"}
GETS_A_TURN = 15
DAYS = 60
# No server on the machines at hand comes near: a body is never sent twice.
MOST_A_SECOND = 5_000


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of a turn: posts a second, and milliseconds of each page."""

    posts: float
    pages: dict[str, float]


@dataclass(kw_only=True)
class Seen:
    """What viewers were answered, and for how many seconds they asked."""

    answers: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def run(options: Options, databases: Databases) -> list[Comparison]:
    lines: list[Comparison] = []
    with site(databases) as portal:
        portal.inside.call("load_history", events=options.small_environment, days=DAYS)
        portal.inside.call("make_runs", runs=options.few_runs)
        sessions: list[str] = portal.inside.call("sign_in", options.viewers + 1)
        seeds = count(100)
        take_turn(portal, session=sessions[0], seed=next(seeds), options=options)
        for name, path in VIEWED.items():
            lines += compare(name, path, portal=portal, sessions=sessions, seeds=seeds, options=options)
    return lines


def compare(
    name: str, path: str, *, portal: Site, sessions: Sequence[str], seeds: Iterator[int], options: Options
) -> list[Comparison]:
    reader, *viewers = sessions
    without: list[Figures] = []
    meanwhile: list[Figures] = []
    answers = Comparison(name=f"answers to {options.viewers} on {name}", unit="a second")
    for _ in range(options.rounds):
        without.append(take_turn(portal, session=reader, seed=next(seeds), options=options))
        with looking(path, sessions=viewers, port=portal.port) as seen:
            meanwhile.append(take_turn(portal, session=reader, seed=next(seeds), options=options))
        answers.portal.append(seen.answers / seen.seconds)
    posts = Comparison(name=f"posts, {options.viewers} on {name}", unit="posts/s", bar=POSTS_BAR)
    posts.portal, posts.reference = [turn.posts for turn in meanwhile], [turn.posts for turn in without]
    pages = [
        Comparison(
            name=f"p50 of {page}, {options.viewers} on {name}",
            unit="ms",
            bar=PAGES_BAR,
            portal=[turn.pages[page] for turn in meanwhile],
            reference=[turn.pages[page] for turn in without],
        )
        for page in PAGES
    ]
    return [posts, *pages, answers]


def take_turn(portal: Site, *, session: str, seed: int, options: Options) -> Figures:
    """Posts of one event each as fast as they are answered, and then the pages one by one."""
    bodies = recent_events(round(max(1, options.seconds) * MOST_A_SECOND), seed=seed)
    portal.inside.call("checkpoint")
    posts = load.requests_per_second(
        DOOR, bodies, port=portal.port, key=portal.key, seconds=options.seconds, connections=CONNECTIONS
    )
    return Figures(
        posts=posts,
        pages={name: time_to_page(path, session=session, port=portal.port) for name, path in PAGES.items()},
    )


def time_to_page(path: str, *, session: str, port: int) -> float:
    """Milliseconds over HTTP; the median of some GETs."""
    request = load.get_request(path, Cookie=f"sessionid={session}")
    seconds = []
    with load.connected(1, port=port) as (connection,):
        for _ in range(GETS_A_TURN):
            began_at = perf_counter()
            connection.ask(request)
            seconds.append(perf_counter() - began_at)
    return 1000 * median(seconds)


# Viewers --------------------------------------------------------------------------------------------------


@contextmanager
def looking(path: str, *, sessions: Sequence[str], port: int) -> Iterator[Seen]:
    """Viewers in a process of their own, from when each has been answered once. What they saw is filled in at the end.

    Raises UnexpectedAnswer for an answer that is neither 200 nor 304.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=look, args=(there, path, list(sessions), port), daemon=True)
    process.start()
    # It has its own copy: without this one, its end is seen here.
    there.close()
    seen = Seen()
    try:
        here.recv()
        yield seen
        here.send("stop")
        seen.answers, seen.seconds, seen.faults = here.recv()
    except EOFError:
        raise load.UnexpectedAnswer("the viewers ended before they were told to") from None
    finally:
        process.terminate()
        process.join()
    if seen.faults:
        raise load.UnexpectedAnswer(seen.faults[0])


def look(parent: Connection, path: str, sessions: Sequence[str], port: int) -> None:
    seen = Seen()
    asyncio.run(look_until_told(parent, path, sessions, port=port, seen=seen))
    parent.send((seen.answers, seen.seconds, seen.faults))


async def look_until_told(
    parent: Connection, path: str, sessions: Sequence[str], *, port: int, seen: Seen
) -> None:
    async with asyncio.TaskGroup() as group:
        ready = [asyncio.Event() for _ in sessions]
        tasks = [
            group.create_task(
                poll(
                    path,
                    session=session,
                    wait=POLL_SECONDS * place / len(sessions),
                    port=port,
                    seen=seen,
                    ready=event,
                )
            )
            for place, (session, event) in enumerate(zip(sessions, ready, strict=True))
        ]
        for event in ready:
            await event.wait()
        began_at, seen.answers = perf_counter(), 0
        parent.send("ready")
        await asyncio.get_running_loop().run_in_executor(None, parent.recv)
        seen.seconds = perf_counter() - began_at
        for task in tasks:
            task.cancel()


async def poll(path: str, *, session: str, wait: float, port: int, seen: Seen, ready: asyncio.Event) -> None:
    """One viewer. `wait` spreads the viewers over the time between two questions."""
    etag = ""
    await asyncio.sleep(wait)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            writer.write(load.get_request(path, Cookie=f"sessionid={session}", If_None_Match=etag))
            etag = await read_answer(reader) or etag
            seen.answers += 1
            ready.set()
            await asyncio.sleep(POLL_SECONDS)
    except (OSError, EOFError, load.UnexpectedAnswer) as error:
        seen.faults.append(repr(error))
        ready.set()


async def read_answer(reader: asyncio.StreamReader) -> str:
    """The ETag of a fragment, which is read to its end; "" for 304."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    code = status.split(" ")[1]
    if code == "304":
        return ""
    if code != "200":
        raise load.UnexpectedAnswer(status)
    await reader.readexactly(int(headers["content-length"]))
    return headers["etag"]
