"""Checks of what the portal runs on: the lines of /readyz, and Redis."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import redis
from django.conf import settings

from config.health.findings import Finding, HealthStatus, bytes_text, status_above, worst
from config.processes import health, heartbeat

# Shares of Redis's memory limit.
MUCH_MEMORY = 0.8
ALL_MEMORY = 0.95
# Any other policy of Redis throws messages and counts of wrong passwords away when its memory is full.
SAFE_POLICY = "noeviction"


def probe(name: str) -> Callable[[datetime], Finding]:
    """A check that tells what /readyz says in the line of this name."""

    def find(now: datetime) -> Finding:
        is_ready, text = health.PROBES[name].result()
        return Finding(HealthStatus.OK if is_ready else HealthStatus.CRITICAL, text)

    return find


def redis_memory(now: datetime) -> Finding:
    """Whether Redis answers, how full it is, and that it evicts nothing."""
    if not settings.REDIS_URL:
        return Finding(HealthStatus.OK, "none, the scheduler runs the tasks")
    try:
        info = heartbeat.client(settings.REDIS_URL).info()
    except redis.RedisError as error:
        # Its message has the address.
        return Finding(HealthStatus.CRITICAL, f"does not answer ({type(error).__name__})")
    return judge_redis(info)


def judge_redis(info: Mapping[str, Any]) -> Finding:
    """`info` is Redis's answer to INFO."""
    used, limit = int(info["used_memory"]), int(info.get("maxmemory", 0))
    policy, evicted = str(info.get("maxmemory_policy", SAFE_POLICY)), int(info.get("evicted_keys", 0))
    is_evicting = evicted > 0 or (limit > 0 and policy != SAFE_POLICY)
    status = worst(
        status_above(used / limit, warning=MUCH_MEMORY, critical=ALL_MEMORY) if limit else HealthStatus.OK,
        HealthStatus.WARNING if is_evicting else HealthStatus.OK,
    )
    of_limit = f" of {bytes_text(limit)}" if limit else ""
    text = f"{bytes_text(used)}{of_limit} used, policy {policy}, {evicted:,} keys evicted"
    return Finding(status, text, value=used, details=(("version", str(info.get("redis_version", ""))),))
