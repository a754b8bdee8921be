"""All faults by name, in the order in which they are run."""

from collections.abc import Mapping

from faults.kinds.access import check_access
from faults.kinds.bombs import explode
from faults.kinds.hostile import send_hostile_requests
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
    run_two_schedulers,
)
from faults.kinds.slow_clients import (
    leave_bodies_unfinished,
    read_slowly,
    send_bodies_slowly,
    send_headers_slowly,
)
from faults.kinds.storage import fill_disk, hold_write_lock, read_for_long, set_clock
from faults.stage import Fault

SERVER = ("PostgreSQL",)
FILE = ("SQLite",)

FAULTS: Mapping[str, Fault] = {
    "postgres-killed": Fault(strike=kill_postgres, databases=SERVER),
    "postgres-frozen": Fault(strike=freeze_postgres, databases=SERVER),
    "redis-killed": Fault(strike=kill_redis, databases=SERVER),
    "redis-flushed": Fault(strike=flush_redis, databases=SERVER),
    "redis-frozen": Fault(strike=freeze_redis, databases=SERVER),
    "redis-full": Fault(strike=fill_redis, databases=SERVER),
    "worker-killed": Fault(strike=killing("worker"), databases=SERVER),
    "web-worker-killed": Fault(strike=kill_web_worker, takes_web_down=True),
    "web-killed": Fault(strike=killing("web"), takes_web_down=True),
    "scheduler-killed": Fault(strike=killing("scheduler")),
    "supervisor-killed": Fault(strike=kill_supervisor, takes_web_down=True),
    "two-schedulers": Fault(strike=run_two_schedulers),
    "disk-full": Fault(strike=fill_disk, databases=FILE, needs=("mount",), place="small disk"),
    "clock-jump": Fault(strike=set_clock, needs=("compiler",), place="own clock"),
    "write-lock": Fault(strike=hold_write_lock),
    "long-reader": Fault(strike=read_for_long),
    "slow-headers": Fault(strike=send_headers_slowly),
    "slow-bodies": Fault(strike=send_bodies_slowly),
    "slow-readers": Fault(strike=read_slowly),
    "unfinished-bodies": Fault(strike=leave_bodies_unfinished),
    "bombs": Fault(strike=explode),
    "hostile-requests": Fault(strike=send_hostile_requests),
    "access": Fault(strike=check_access),
}
# What the tests run: one portal on SQLite, on the small disk where one can be mounted.
SHORT = ("web-worker-killed", "scheduler-killed", "unfinished-bodies", "hostile-requests")
SHORT_ON_SMALL_DISK = (*SHORT, "disk-full")
