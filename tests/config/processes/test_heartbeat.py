import pytest

from config.processes import heartbeat


@pytest.fixture
def embedded(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.REDIS_URL = ""


@pytest.fixture
def with_broker(settings, redis_url):
    settings.REDIS_URL = redis_url
    heartbeat.client(redis_url).delete("portal:alive:scheduler")
    yield
    heartbeat.client(redis_url).delete("portal:alive:scheduler")


def test_nobody_was_seen_before_the_first_sign(embedded):
    assert heartbeat.last_seen(heartbeat.SCHEDULER) is None


def test_the_newest_sign_counts(embedded):
    heartbeat.leave(heartbeat.SCHEDULER, now=1000.0)
    heartbeat.leave(heartbeat.SCHEDULER, now=2000.5)
    assert heartbeat.last_seen(heartbeat.SCHEDULER) == 2000.5
    assert heartbeat.last_seen(heartbeat.WORKER) is None


def test_signs_of_an_earlier_start_are_forgotten(embedded):
    heartbeat.leave(heartbeat.SCHEDULER, now=1000.0)
    heartbeat.forget()
    heartbeat.forget()
    assert heartbeat.last_seen(heartbeat.SCHEDULER) is None


@pytest.mark.redis
def test_with_a_broker_the_sign_stands_there(with_broker):
    assert heartbeat.last_seen(heartbeat.SCHEDULER) is None
    heartbeat.leave(heartbeat.SCHEDULER, now=2000.5)
    assert heartbeat.last_seen(heartbeat.SCHEDULER) == 2000.5


def test_a_broker_that_is_away_stops_nobody(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    heartbeat.leave(heartbeat.SCHEDULER, now=1000.0)
