from types import SimpleNamespace

import pytest
from django.db import connection

from tests import conftest, services


class Item:
    """A test with these markers (name to arguments), as pytest collects it."""

    def __init__(self, **markers):
        self.markers = markers
        self.added = []

    def get_closest_marker(self, name):
        return SimpleNamespace(args=self.markers[name]) if name in self.markers else None

    def add_marker(self, marker):
        self.added.append(marker.kwargs["reason"])


class Config:
    """What pytest is told of the tests that are left out."""

    def __init__(self):
        self.deselected = []
        self.hook = SimpleNamespace(pytest_deselected=lambda items: self.deselected.extend(items))


def test_only_tests_that_need_what_is_missing_are_skipped(monkeypatch):
    monkeypatch.setattr(services, "NEEDS", {"redis": lambda: True, "browser": lambda: False})
    items = [Item(), Item(redis=()), Item(browser=(), redis=())]
    conftest.pytest_collection_modifyitems(Config(), items)
    assert [item.added for item in items] == [[], [], ["not on this machine: browser"]]


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
