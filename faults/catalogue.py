"""All faults by name, in the order in which they are run."""

from collections.abc import Mapping

from faults.kinds.access import check_access
from faults.kinds.bombs import explode
from faults.kinds.counters import counted_by_prometheus, kill_often
from faults.kinds.hostile import send_hostile_requests
from faults.kinds.misuse import start_second_portal, stop_and_start
from faults.kinds.outages import (
    fill_redis,
    flush_redis,
    freeze_postgres,
    freeze_redis,
    kill_postgres,
    kill_redis,
    kill_supervisor,
    kill_web_worker,
    killing,
    misuse_redis,
    run_two_schedulers,
)
from faults.kinds.sessions import (
    cancel_statements,
    end_sessions,
    lock_rows,
    refuse_writing,
    use_up_connections,
)
from faults.kinds.slow_clients import be_slow, guess_passwords, leave_bodies_unfinished
from faults.kinds.storage import fill_disk, hold_write_lock, read_for_long, set_clock
from faults.stage import Fault

SERVER = ("PostgreSQL",)
FILE = ("SQLite",)

FAULTS: Mapping[str, Fault] = {
    "postgres-killed": Fault(strike=kill_postgres, databases=SERVER),
    "postgres-frozen": Fault(strike=freeze_postgres, databases=SERVER),
    "postgres-read-only": Fault(strike=refuse_writing, databases=SERVER),
    "sessions-ended": Fault(strike=end_sessions, databases=SERVER),
    "statements-cancelled": Fault(strike=cancel_statements, databases=SERVER),
    "connections-full": Fault(strike=use_up_connections, databases=SERVER),
    "rows-locked": Fault(strike=lock_rows, databases=SERVER),
    "redis-killed": Fault(strike=kill_redis, databases=SERVER),
    "redis-flushed": Fault(strike=flush_redis, databases=SERVER),
    "redis-frozen": Fault(strike=freeze_redis, databases=SERVER),
    "redis-full": Fault(strike=fill_redis, databases=SERVER),
    "redis-wrong-types": Fault(strike=misuse_redis, databases=SERVER),
    "worker-killed": Fault(strike=killing("worker"), databases=SERVER),
    "web-worker-killed": Fault(strike=kill_web_worker, takes_web_down=True),
    "web-killed": Fault(strike=killing("web"), takes_web_down=True),
    "scheduler-killed": Fault(strike=killing("scheduler")),
    "supervisor-killed": Fault(strike=kill_supervisor, takes_web_down=True),
    "twenty-kills": Fault(
        strike=kill_often,
        watch=counted_by_prometheus,
        databases=SERVER,
        needs=("prometheus",),
        takes_web_down=True,
    ),
    "portal-stopped": Fault(strike=stop_and_start, takes_web_down=True),
    "two-portals": Fault(strike=start_second_portal),
    "two-schedulers": Fault(strike=run_two_schedulers),
    "disk-full": Fault(strike=fill_disk, databases=FILE, needs=("mount",), place="small disk"),
    "clock-jump": Fault(strike=set_clock, needs=("compiler",), place="own clock"),
    "write-lock": Fault(strike=hold_write_lock),
    "long-reader": Fault(strike=read_for_long),
    "slow-clients": Fault(strike=be_slow),
    "unfinished-bodies": Fault(strike=leave_bodies_unfinished),
    "guesses": Fault(strike=guess_passwords),
    "bombs": Fault(strike=explode),
    "hostile-requests": Fault(strike=send_hostile_requests),
    "access": Fault(strike=check_access),
}
# What the tests run: one portal on SQLite, on the small disk where one can be mounted.
SHORT = ("web-worker-killed", "scheduler-killed", "unfinished-bodies", "hostile-requests")
SHORT_ON_SMALL_DISK = (*SHORT, "disk-full")
