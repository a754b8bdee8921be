"""(g) Erasing a user with many events among those of others, and what posts notice of it."""

from benchmarks.options import Options
from benchmarks.posting import Turns, in_turns, prepared
from benchmarks.report import Comparison
from benchmarks.servers import Databases, Site, site

TITLE = "(g) erasing a user"
USER = "bench-user"
POSTS_A_SECOND = 50


def run(options: Options, databases: Databases) -> list[Comparison]:
    others = options.events * options.history_factor
    whole = Comparison(name=f"{options.events} events among {others}", unit="s", bar="<= 30")
    computed = Comparison(name="the same, with all KPIs of these days computed again", unit="s")
    turns = Turns()
    with site(databases) as portal:
        portal.inside.call("load_history", events=others, days=options.history_days)
        for number in range(min(options.rounds, 3)):
            user = f"{USER}-{number}"
            portal.inside.call(
                "load_user", events=options.events, days=options.history_days, user=user, seed=number
            )
            seconds_gone = erase(portal, options, turns, user=user, seed=number)
            again = portal.inside.call("drain")
            whole.portal.append(seconds_gone)
            computed.portal.append(seconds_gone + again)
    return [
        whole,
        computed,
        turns.p99("p99 of posts, with and without"),
        turns.longest("the longest wait of a post, with and without"),
    ]


def erase(portal: Site, options: Options, turns: Turns, *, user: str, seed: int) -> float:
    """The seconds of all turns of the erasure, until nothing of the user is left."""
    portal.inside.call("request_erasure", user=user)
    took: list[float] = []

    def work() -> bool:
        is_left, seconds = portal.inside.call("erase_for", seconds=options.seconds, events=options.events)
        took.append(seconds)
        return bool(is_left)

    requests = prepared(key=portal.key, count=options.events, seed=100 + seed)
    turns.add(in_turns(requests, port=portal.port, rate=POSTS_A_SECOND, seconds=options.seconds, work=work))
    return sum(took)
