from types import SimpleNamespace

import pytest

from tests import conftest, services


class Item:
    """A test with these markers, as pytest collects it."""

    def __init__(self, *markers):
        self.markers = markers
        self.added = []

    def get_closest_marker(self, name):
        return name in self.markers or None

    def add_marker(self, marker):
        self.added.append(marker.kwargs["reason"])


def test_only_tests_that_need_what_is_missing_are_skipped(monkeypatch):
    monkeypatch.setattr(services, "NEEDS", {"redis": lambda: True, "browser": lambda: False})
    items = [Item(), Item("redis"), Item("browser", "redis")]
    conftest.pytest_collection_modifyitems(items)
    assert [item.added for item in items] == [[], [], ["not on this machine: browser"]]


@pytest.mark.parametrize(
    ("ci", "reason", "status"),
    [
        ("true", "Skipped: not on this machine: redis", 1),
        ("true", "Skipped: SQLite has one writer at a time", 0),
        ("true", None, 0),
        ("", "Skipped: not on this machine: redis", 0),
    ],
)
def test_a_test_that_misses_something_fails_in_continuous_integration(monkeypatch, ci, reason, status):
    monkeypatch.setenv("CI", ci)
    skipped = [SimpleNamespace(longrepr=("tests/test_x.py", 1, reason))] if reason else []
    reporter = SimpleNamespace(stats={"skipped": skipped})
    manager = SimpleNamespace(get_plugin=lambda name: reporter)
    session = SimpleNamespace(config=SimpleNamespace(pluginmanager=manager), exitstatus=0)
    conftest.pytest_sessionfinish(session)
    assert session.exitstatus == status
