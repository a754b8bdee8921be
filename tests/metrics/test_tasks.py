from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from celery import Celery, Task
from prometheus_client import REGISTRY, generate_latest

from metrics.tasks import connect, expect_tasks


@pytest.fixture
def app() -> Iterator[Celery]:
    with Celery("tests", set_as_current=False) as app:
        app.conf.task_always_eager = True
        yield app


def value_of(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_a_task_that_fails_is_counted(app: Celery) -> None:
    @app.task(name="tests.fails")
    def fails() -> None:
        raise ValueError

    for _ in range(2):
        fails.delay()
    assert value_of("portal_task_failures_total", task="tests.fails") == 2


def test_tasks_of_a_worker_are_shown_before_their_first_failure(app: Celery) -> None:
    @app.task(name="tests.is_known")
    def is_known() -> None:
        pass

    expect_tasks(sender=SimpleNamespace(app=app))

    assert value_of("portal_task_failures_total", task="tests.is_known") == 0
    assert value_of("portal_task_failures_total", task="celery.chain") is None


def test_a_task_that_succeeds_is_shown_without_failures(app: Celery) -> None:
    @app.task(name="tests.succeeds")
    def succeeds() -> None:
        pass

    succeeds.delay()
    assert value_of("portal_task_failures_total", task="tests.succeeds") == 0
    assert value_of("portal_task_backoff_seconds", task="tests.succeeds") == 0


def test_a_task_that_is_tried_again_shows_how_long_it_waits(app: Celery) -> None:
    waits: list[float | None] = []

    @app.task(name="tests.retries", bind=True, max_retries=2)
    def retries(self: "Task[..., None]") -> None:
        waits.append(value_of("portal_task_backoff_seconds", task="tests.retries"))
        if self.request.retries < 2:
            raise self.retry(countdown=7)

    retries.delay()
    assert waits == [None, 7, 7]
    assert value_of("portal_task_failures_total", task="tests.retries") == 2
    assert value_of("portal_task_backoff_seconds", task="tests.retries") == 0


def test_connecting_twice_counts_once(app: Celery) -> None:
    connect()

    @app.task(name="tests.fails_once")
    def fails_once() -> None:
        raise ValueError

    fails_once.delay()
    assert value_of("portal_task_failures_total", task="tests.fails_once") == 1


def test_creation_times_are_left_out() -> None:
    assert b"_created" not in generate_latest(REGISTRY)
