import pytest

from tests import run, services


@pytest.fixture
def runs(monkeypatch):
    """The runs of pytest that were asked for, each of which ends with the status that `statuses` has for its name."""
    asked, statuses = {}, {}

    def fake(arguments, *, database_url, is_shown=True):
        name = run.POSTGRES if database_url else run.SQLITE if is_shown else run.PROCESSES
        asked[name] = arguments
        return run.Outcome(status=statuses.get(name, 0), seconds=1.0, printed="" if is_shown else "beside")

    monkeypatch.setattr(run, "run", fake)
    monkeypatch.setattr(services, "POSTGRES_URL", "postgresql://server/portal")
    monkeypatch.setattr(services, "has_postgres", lambda: True)
    monkeypatch.setattr(services, "missing", list)
    monkeypatch.delenv("CI", raising=False)
    return asked, statuses


def test_processes_run_beside_both_databases(runs, capsys):
    assert run.main(["-x"]) == 0
    others = ["-x", "-m", f"not ({run.ONCE})"]
    assert runs[0] == {
        run.PROCESSES: ["-x", "-m", run.ONCE],
        run.SQLITE: others,
        run.POSTGRES: [*others, "--needs-database"],
    }
    assert capsys.readouterr().out.splitlines() == [
        "beside",
        "SQLite: passed in 1 s",
        "PostgreSQL: passed in 1 s",
        "processes and browsers: passed in 1 s",
    ]


@pytest.mark.parametrize("failing", [run.SQLITE, run.POSTGRES, run.PROCESSES])
def test_a_failure_of_one_run_is_a_failure(runs, failing):
    runs[1][failing] = 1
    assert run.main([]) == 1


@pytest.mark.parametrize("passing", [run.SQLITE, run.PROCESSES])
def test_the_arguments_may_name_tests_of_one_run_only(runs, passing):
    runs[1].update(dict.fromkeys((run.SQLITE, run.POSTGRES, run.PROCESSES), run.NOTHING_COLLECTED))
    runs[1][passing] = 0
    assert run.main(["tests/pages/test_formatting.py"]) == 0


def test_arguments_that_name_no_test_are_a_failure(runs):
    runs[1].update(dict.fromkeys((run.SQLITE, run.POSTGRES, run.PROCESSES), run.NOTHING_COLLECTED))
    assert run.main(["-k", "nothing"]) == run.NOTHING_COLLECTED


def test_the_last_line_says_what_was_not_found(runs, monkeypatch, capsys):
    monkeypatch.setattr(services, "has_postgres", lambda: False)
    monkeypatch.setattr(services, "missing", lambda: ["postgres", "browser"])

    assert run.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "beside",
        "SQLite: passed in 1 s",
        "processes and browsers: passed in 1 s",
        "Not found, so the tests that need them were skipped: postgres, browser.",
    ]


def test_continuous_integration_wants_everything(runs, monkeypatch):
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(services, "missing", lambda: ["redis"])

    assert run.main([]) == 1
    assert runs[0] == {}


def test_the_settings_of_whoever_runs_it_are_left_out():
    assert {"DATA_DIR", "DATABASE_URL", "DEMO", "REDIS_URL", "SECRET_KEY"} <= run.setting_names()
    assert not {"PATH", "HOME"} & run.setting_names()


def test_what_is_compiled_is_kept(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("DATA_DIR", "/srv/portal")

    assert not {"PYTHONDONTWRITEBYTECODE", "DATA_DIR"} & run.clean_environment().keys()


@pytest.mark.parametrize(("room", "is_used"), [(0, True), (2**62, False)])
def test_the_data_lies_in_memory_if_there_is_room(monkeypatch, tmp_path, room, is_used):
    monkeypatch.setattr(run, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(run, "ROOM", room)

    assert run.memory() == (str(tmp_path) if is_used else None)


def test_the_data_lies_elsewhere_where_there_is_no_shared_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "SHARED_MEMORY", tmp_path / "missing")

    assert run.memory() is None
