"""Fixtures that every test may use. The same tests run on SQLite and, with DATABASE_URL, on PostgreSQL."""

from datetime import UTC, datetime

import pytest


@pytest.fixture
def now() -> datetime:
    """The moment at which the tests' world stands still."""
    return datetime(2026, 2, 15, 12, 0, tzinfo=UTC)
