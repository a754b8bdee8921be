"""SQLite: the embedded portal prunes most of its raw events while posts come in."""

import sys
import tempfile

from benchmarks.options import Options
from benchmarks.posting import in_turns, longest_ms, prepared
from benchmarks.report import Comparison
from benchmarks.retention.postgresql import KEPT_DAYS, milliseconds
from benchmarks.retention.pruned import Pruned
from benchmarks.servers import environment, free_port, inside, running

POSTS_A_SECOND = 20


def run(options: Options) -> list[Comparison]:
    """The portal as `manage.py portal` starts it folds and rolls up meanwhile, too."""
    pruned: list[Pruned] = []
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        variables = environment(data_dir=folder, port=port, LATE_WINDOW_DAYS=str(KEPT_DAYS))
        with inside(variables) as process:

            def prune() -> bool:
                turn = process.call("prune", keep_days=KEPT_DAYS, seconds=options.seconds)
                pruned.append(turn)
                return not turn.is_over

            process.call("prepare_database")
            key = process.call("make_key")
            process.call("load_old_events", events=options.old_events_sqlite, days=options.old_days)
            with running([sys.executable, "manage.py", "portal"], variables, port=port):
                turns = in_turns(
                    prepared(key=key, count=options.events, seed=9),
                    port=port,
                    rate=POSTS_A_SECOND,
                    seconds=options.seconds,
                    work=prune,
                )
    rows_a_second = sum(turn.rows for turn in pruned) / sum(turn.seconds for turn in pruned)
    name = "SQLite: the longest wait of a post"
    return [
        Comparison(name="SQLite: rows removed", unit="rows/s", portal=[rows_a_second]),
        milliseconds("SQLite: the longest step", max(turn.longest_step for turn in pruned)),
        turns.p99("SQLite: p99 of posts, with and without"),
        turns.longest(f"{name}, with and without"),
        Comparison(name=name, unit="ms", bar="<= 300", portal=[longest_ms(turns.meanwhile)]),
    ]
