import pytest

from tests import run, services


@pytest.fixture
def runs(monkeypatch):
    """The runs of pytest that were asked for, each of which fails if its database is in `failing`."""
    asked, failing = [], set()

    def fake(arguments, *, database_url):
        asked.append((arguments, database_url))
        return int(database_url in failing), 1.0

    monkeypatch.setattr(run, "run", fake)
    monkeypatch.setattr(services, "POSTGRES_URL", "postgresql://server/portal")
    monkeypatch.setattr(services, "has_postgres", lambda: True)
    monkeypatch.setattr(services, "missing", list)
    monkeypatch.delenv("CI", raising=False)
    return asked, failing


def test_both_databases_have_their_turn(runs, capsys):
    assert run.main(["-x"]) == 0
    assert runs[0] == [
        (["-x"], ""),
        (
            ["-x", "-m", f"not ({run.ONCE})", "--needs-database"],
            "postgresql://server/portal",
        ),
    ]
    assert capsys.readouterr().out == "SQLite: passed in 1 s\nPostgreSQL: passed in 1 s\n"


@pytest.mark.parametrize("failing", ["", "postgresql://server/portal"])
def test_a_failure_on_one_database_is_a_failure(runs, failing):
    runs[1].add(failing)
    assert run.main([]) == 1


@pytest.mark.parametrize(("status", "expected"), [(run.NOTHING_COLLECTED, 0), (1, 1)])
def test_tests_that_reach_no_database_have_one_turn(runs, monkeypatch, status, expected):
    statuses = iter([0, status])
    monkeypatch.setattr(run, "run", lambda arguments, *, database_url: (next(statuses), 1.0))

    assert run.main(["tests/pages/test_formatting.py"]) == expected


def test_the_last_line_says_what_was_not_found(runs, monkeypatch, capsys):
    monkeypatch.setattr(services, "has_postgres", lambda: False)
    monkeypatch.setattr(services, "missing", lambda: ["postgres", "browser"])

    assert run.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "SQLite: passed in 1 s",
        "Not found, so the tests that need them were skipped: postgres, browser.",
    ]


def test_continuous_integration_wants_everything(runs, monkeypatch):
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(services, "missing", lambda: ["redis"])

    assert run.main([]) == 1
    assert runs[0] == []


def test_the_settings_of_whoever_runs_it_are_left_out():
    assert {"DATA_DIR", "DATABASE_URL", "DEMO", "REDIS_URL", "SECRET_KEY"} <= run.setting_names()
    assert not {"PATH", "HOME"} & run.setting_names()


@pytest.mark.parametrize(("room", "is_used"), [(0, True), (2**62, False)])
def test_the_data_lies_in_memory_if_there_is_room(monkeypatch, tmp_path, room, is_used):
    monkeypatch.setattr(run, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(run, "ROOM", room)

    assert run.memory() == (str(tmp_path) if is_used else None)


def test_the_data_lies_elsewhere_where_there_is_no_shared_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "SHARED_MEMORY", tmp_path / "missing")

    assert run.memory() is None
