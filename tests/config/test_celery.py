import pytest
from celery.schedules import crontab

from config.celery import app, task_begins, task_ended
from config.processes import heartbeat, pulse


class Task:
    """A task as Celery's signals hand it over."""

    def __init__(self, *, is_eager):
        self.request = self
        self.is_eager = is_eager


def test_the_schedule_rings_each_bell_by_name(settings):
    assert {name: (entry["task"], entry["schedule"]) for name, entry in app.conf.beat_schedule.items()} == {
        "roll up": ("kpis.roll_up", settings.ROLLUP_INTERVAL_SECONDS),
        "erase": ("workbench.erase", 5),
        "send retries": ("workbench.send_retries", 2),
        "shrink the log": ("config.shrink_log", 600),
        "work on the quarantine": ("telemetry.work_on_quarantine", 3),
        "send notices": ("telemetry.send_notices", 60),
        "send digests": ("digests.send", 60),
        "look for alerts": ("config.look_for_alerts", 20),
        "note the uses of keys": ("telemetry.note_key_uses", 60),
        "keep visits": ("people.keep_visits", 5 * 60),
        "forget ended sessions": ("people.forget_ended_sessions", crontab(minute="37")),
        "forget ended links": ("sharing.forget_ended_links", crontab(hour="3", minute="41")),
        "sum objectives up": ("objectives.sum_up", crontab(minute="23")),
        "make partitions": ("telemetry.make_partitions", crontab(minute="7")),
        "open the night's run of retention": ("telemetry.open_retention_run", crontab(minute="11")),
        "measure the tables": ("telemetry.measure_tables", crontab(minute="17")),
        "carry on retention": ("telemetry.carry_on_retention", 5),
    }


def test_every_scheduled_task_exists():
    app.loader.import_default_modules()

    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)


def test_bells_that_nobody_heard_do_not_pile_up():
    assert {entry["options"]["expires"] for entry in app.conf.beat_schedule.values()} == {60}


def test_a_task_is_lost_neither_with_its_worker_nor_with_a_frozen_broker():
    assert app.conf.task_acks_late is True
    assert app.conf.task_reject_on_worker_lost is True
    assert app.conf.broker_transport_options["visibility_timeout"] == 60
    assert app.conf.broker_transport_options["socket_timeout"] == 5
    assert app.conf.broker_connection_retry_on_startup is True


def test_tasks_run_in_the_scheduler_where_there_is_no_broker(settings):
    assert app.conf.task_always_eager is (not settings.REDIS_URL)


@pytest.mark.django_db
@pytest.mark.parametrize(("is_eager", "who"), [(True, heartbeat.SCHEDULER), (False, heartbeat.WORKER)])
def test_a_task_is_a_sign_of_life_of_the_process_that_runs_it(settings, tmp_path, is_eager, who):
    settings.DATA_DIR = tmp_path
    settings.REDIS_URL = ""

    for note in (task_begins, task_ended):
        note(task=Task(is_eager=is_eager))

        assert [path.name for path in tmp_path.iterdir()] == [f"{who}.alive"]
        (tmp_path / f"{who}.alive").unlink()


@pytest.mark.django_db
@pytest.mark.parametrize("is_eager", [True, False])
def test_the_scheduler_has_a_pulse_while_it_runs_a_task_itself(settings, tmp_path, monkeypatch, is_eager):
    settings.DATA_DIR, settings.REDIS_URL = tmp_path, ""
    monkeypatch.setattr(pulse, "of_scheduler", pulse.Pulse())

    task_begins(task=Task(is_eager=is_eager))
    has_pulse = pulse.of_scheduler.task_started_at is not None
    task_ended(task=Task(is_eager=is_eager))

    assert (has_pulse, pulse.of_scheduler.task_started_at) == (is_eager, None)
