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
    assert [item.added for item in items] == [[], [], ["browser not found"]]


@pytest.mark.parametrize(
    ("ci", "skipped", "status"), [("true", [1], 1), ("true", [], 0), ("", [1], 0)], ids=str
)
def test_a_skipped_test_fails_in_continuous_integration(monkeypatch, ci, skipped, status):
    monkeypatch.setenv("CI", ci)
    reporter = SimpleNamespace(stats={"skipped": skipped})
    manager = SimpleNamespace(get_plugin=lambda name: reporter)
    session = SimpleNamespace(config=SimpleNamespace(pluginmanager=manager), exitstatus=0)
    conftest.pytest_sessionfinish(session)
    assert session.exitstatus == status
