"""`manage.py ready`: the lines of /readyz for containers and scripts."""

import pytest
from django.core.management import CommandError, call_command

from config.processes import health
from config.processes.probes import NotReady, Probe
from config.server import patience


def refuse():
    raise NotReady("not seen yet")


@pytest.fixture(autouse=True)
def probes(monkeypatch):
    monkeypatch.setattr(patience, "bound_waits", lambda database: None)
    probes = {"disk": Probe(lambda: "9 MiB free"), "scheduler": Probe(refuse)}
    monkeypatch.setattr("config.management.commands.ready.PROBES", probes)
    monkeypatch.setattr(health, "PROBES", probes)


def test_a_check_that_is_ok_ends_well(capsys):
    call_command("ready", "disk")

    assert capsys.readouterr().out == "disk: ok, 9 MiB free\n"


def test_a_check_that_fails_ends_with_one(capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("ready")

    assert ended.value.code == 1
    assert capsys.readouterr().out == "disk: ok, 9 MiB free\nscheduler: missing, not seen yet\n"


def test_an_unknown_check_is_refused():
    with pytest.raises(CommandError, match="invalid choice: 'nothing'"):
        call_command("ready", "nothing")
