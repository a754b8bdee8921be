import pytest

from config.health.processes import judge_redis
from config.health.scrape import metric_series
from config.health.versions import plan_hash
from telemetry.counters.families import families
from telemetry.models import BridgeCounter
from telemetry.plan import get_plan
from telemetry.plan.history import digest_of_plan
from tests.config.health.lines import line_named

MIB = 1024 * 1024


def info(**values):
    return {
        "used_memory": MIB,
        "maxmemory": 0,
        "maxmemory_policy": "noeviction",
        "evicted_keys": 0,
        "redis_version": "7.0.15",
        **values,
    }


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (info(), "ok"),
        (info(maxmemory_policy="allkeys-lru"), "ok"),
        (info(maxmemory=100 * MIB, maxmemory_policy="allkeys-lru"), "warning"),
        (info(evicted_keys=1), "warning"),
        (info(maxmemory=100, used_memory=79), "ok"),
        (info(maxmemory=100, used_memory=80), "warning"),
        (info(maxmemory=100, used_memory=95), "critical"),
    ],
)
def test_redis_needs_memory_and_must_not_evict(answer, status):
    assert judge_redis(answer).status == status


def test_redis_is_told_in_words():
    found = judge_redis(info(maxmemory=4 * MIB))

    assert found.text == "1.0 MiB of 4.0 MiB used, policy noeviction, 0 keys evicted"
    assert found.details == (("version", "7.0.15"),)


@pytest.mark.redis
def test_a_redis_that_runs_is_asked(now, settings, redis_url):
    settings.REDIS_URL = redis_url

    assert "policy" in line_named("redis", now=now)[1]


def test_a_redis_that_is_away_is_critical_and_its_address_is_not_told(now, settings):
    settings.REDIS_URL = "redis://:secret@127.0.0.1:1/0"

    assert line_named("redis", now=now) == ("critical", "does not answer (ConnectionError)", None, ())


@pytest.mark.django_db
@pytest.mark.parametrize(("share", "status"), [(0.895, "ok"), (0.9, "warning")])
def test_families_near_their_budget_are_told(now, share, status):
    family = families()["agent_runs_total"]
    BridgeCounter.objects.bulk_create(
        BridgeCounter(
            family=family.name, environment="demo", labels=f'["a-{number}","completed"]', bin="", value=1
        )
        for number in range(int(family.budget * share))
    )

    found = metric_series(now)

    assert found.status == status
    assert [name for name, _ in found.details] == (["agent_runs_total"] if status == "warning" else [])


@pytest.mark.django_db
@pytest.mark.parametrize(("debug", "status"), [(False, "ok"), (True, "warning")])
def test_versions_are_told(now, settings, debug, status):
    settings.DEBUG = debug

    found_status, _, _, details = line_named("versions", now=now)

    assert found_status == status
    assert [name for name, _ in details] == ["portal", "Python", "Django", "database", "tracking plan"]


def test_the_plan_has_the_same_hash_each_time():
    assert digest_of_plan(get_plan()).startswith(plan_hash())
    assert len(plan_hash()) == 12
