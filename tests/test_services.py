from types import SimpleNamespace

import pytest
from django.db import connection

from tests import conftest, services


class Item:
    """A test with these markers (name to arguments), as pytest collects it."""

    location = ("tests/test_one.py", 1, "test_one")

    def __init__(self, *, fixturenames=(), **markers):
        self.fixturenames = fixturenames
        self.markers = markers
        self.added = []

    def get_closest_marker(self, name):
        return SimpleNamespace(args=self.markers[name]) if name in self.markers else None

    def add_marker(self, marker):
        self.added.append(marker.kwargs.get("reason") or (marker.name, *marker.args))


class Config:
    """What pytest is told of the tests that are left out."""

    def __init__(self, *, needs_database=False):
        self.needs_database = needs_database
        self.deselected = []
        self.hook = SimpleNamespace(pytest_deselected=lambda items: self.deselected.extend(items))

    def getoption(self, name):
        assert name == "--needs-database"
        return self.needs_database


def test_only_tests_that_need_what_is_missing_are_skipped(monkeypatch):
    monkeypatch.setattr(services, "NEEDS", {"redis": lambda: True, "postgres": lambda: False})
    items = [Item(), Item(redis=()), Item(postgres=(), redis=())]

    conftest.pytest_collection_modifyitems(Config(), items)

    assert [item.added for item in items] == [[], [], ["not on this machine: postgres"]]


@pytest.mark.parametrize("marker", ["browser", "processes", "sdks", "prometheus", "alertmanager"])
def test_one_worker_has_a_module_with_costly_set_ups(monkeypatch, marker):
    monkeypatch.setattr(services, "NEEDS", {})
    items = [Item(), Item(**{marker: ()})]

    conftest.pytest_collection_modifyitems(Config(), items)

    assert [item.added for item in items] == [[], [("xdist_group", "tests/test_one.py")]]


def test_pytest_xdist_can_name_the_group_of_a_test(request, monkeypatch):
    monkeypatch.setattr(request.node, "_nodeid", "tests/test_one.py::test_it@group")

    assert request.node.nodeid == "tests/test_one.py::test_it@group"


@pytest.mark.parametrize(
    ("item", "is_kept"),
    [
        (Item(), False),
        (Item(fixturenames=("client", "settings")), False),
        (Item(fixturenames=("client", "db")), True),
        (Item(fixturenames=("transactional_db",)), True),
        (Item(fixturenames=("live_server",)), True),
        (Item(django_db=()), True),
        (Item(only_on=(connection.vendor,)), True),
        (Item(django_db=(), only_on=("oracle",)), False),
    ],
)
def test_a_run_for_a_database_leaves_out_what_reaches_none(item, is_kept):
    config = Config(needs_database=True)
    items = [item]

    conftest.pytest_collection_modifyitems(config, items)

    assert (items, config.deselected) == (([item], []) if is_kept else ([], [item]))


def test_what_only_another_database_has_is_left_out():
    config = Config()
    here, elsewhere, both = (
        Item(only_on=(connection.vendor,)),
        Item(only_on=("oracle",)),
        Item(only_on=("oracle", connection.vendor)),
    )
    items = [here, elsewhere, both]

    conftest.pytest_collection_modifyitems(config, items)

    assert (items, config.deselected) == ([here, both], [elsewhere])


@pytest.mark.parametrize(
    ("ci", "skipped", "status"), [("true", ["a report"], 1), ("true", [], 0), ("", ["a report"], 0)]
)
def test_a_skipped_test_fails_in_continuous_integration(monkeypatch, ci, skipped, status):
    monkeypatch.setenv("CI", ci)
    reporter = SimpleNamespace(stats={"skipped": skipped})
    manager = SimpleNamespace(get_plugin=lambda name: reporter)
    session = SimpleNamespace(config=SimpleNamespace(pluginmanager=manager), exitstatus=0)

    conftest.pytest_sessionfinish(session)

    assert session.exitstatus == status
