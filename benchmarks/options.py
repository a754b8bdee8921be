"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """`server_url` is a PostgreSQL database from which others are made; it stays as it is."""

    server_url: str
    rounds: int = 5
    # Events in a round of (a) and of (c).
    events: int = 100_000
    # Rounds of (c) with a history: so many times `events` were folded before.
    history_factor: int = 10
    # How long each view is measured in a round of (b).
    seconds: float = 5.0
    # Events in the two portals of (d) and of (j).
    small_environment: int = 10_000
    large_environment: int = 1_000_000
    # GETs of a page in a round of (d), two at least.
    gets: int = 20
    # Scrapes in a round of (j), and the names that it posts.
    scrapes: int = 10
    names: int = 10_000
    # (f) tries one case in so many: there are 5,000.
    every_worst_case: int = 41
    # About as many bytes are in each of its posts.
    worst_case_bytes: int = 1_000_000
    # Of each portal of (i).
    web_workers: int = 2
    # (h) prunes all but the newest six days of these, on PostgreSQL and on SQLite.
    old_events: int = 10_000_000
    old_events_sqlite: int = 1_000_000
    old_days: int = 60
    # Runs in the two environments of (k).
    few_runs: int = 25_000
    many_runs: int = 1_000_000
    # People who look in (m).
    viewers: int = 200
    # Days over which (g) spreads the events.
    history_days: int = 29
    # (e) measures the memory after each of these numbers of events.
    memory_samples: tuple[int, ...] = (250_000, 500_000, 1_000_000)


def quick(server_url: str) -> Options:
    """Enough to see that everything works; the figures mean nothing."""
    return Options(
        server_url=server_url,
        rounds=1,
        # Two posts of (a).
        events=1_000,
        history_factor=2,
        seconds=0.2,
        small_environment=1_000,
        large_environment=2_000,
        gets=2,
        scrapes=2,
        names=300,
        every_worst_case=2_000,
        worst_case_bytes=20_000,
        web_workers=1,
        old_events=1_000,
        old_events_sqlite=1_000,
        old_days=9,
        few_runs=200,
        many_runs=1_000,
        viewers=4,
        history_days=3,
        memory_samples=(300, 600, 900),
    )
