"""PostgreSQL: sixty days of raw events, of which 54 go, while posts come in."""

from benchmarks.options import Options
from benchmarks.posting import in_turns, prepared
from benchmarks.report import Comparison
from benchmarks.retention.pruned import Pruned
from benchmarks.servers import Databases, site

KEPT_DAYS = 6
POSTS_A_SECOND = 100


def run(options: Options, databases: Databases) -> list[Comparison]:
    pruned: list[Pruned] = []
    with site(databases, LATE_WINDOW_DAYS=str(KEPT_DAYS)) as portal:

        def prune() -> bool:
            turn = portal.inside.call("prune", keep_days=KEPT_DAYS, seconds=options.seconds)
            pruned.append(turn)
            return not turn.is_over

        portal.inside.call("load_old_events", events=options.old_events, days=options.old_days)
        turns = in_turns(
            prepared(key=portal.key, count=options.events, seed=8),
            port=portal.port,
            rate=POSTS_A_SECOND,
            seconds=options.seconds,
            work=prune,
        )
        plain_drop = portal.inside.call("drop_plainly")
    drops = sum(turn.drops for turn in pruned)
    days = sum(turn.days for turn in pruned)
    longest = max(turn.longest_drop for turn in pruned)
    return [
        milliseconds("PostgreSQL: all drops", drops, bar="<= 2000"),
        milliseconds("PostgreSQL: a day's drop, against DROP TABLE", drops / days, plain_drop),
        milliseconds("PostgreSQL: the longest lock of all posts", longest, bar="<= 100"),
        milliseconds("PostgreSQL: the whole run", sum(turn.seconds for turn in pruned)),
        turns.p99("PostgreSQL: p99 of posts, with and without", bar="<= 1.5"),
        turns.longest("PostgreSQL: the longest wait of a post"),
    ]


def milliseconds(name: str, seconds: float, *reference: float, bar: str = "") -> Comparison:
    return Comparison(
        name=name,
        unit="ms",
        bar=bar,
        portal=[seconds * 1000],
        reference=[other * 1000 for other in reference],
    )
