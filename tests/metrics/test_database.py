import pytest
from django.db import Error, connection
from prometheus_client import REGISTRY

from metrics import database


def counted() -> float:
    return REGISTRY.get_sample_value("portal_database_query_seconds_count") or 0.0


@pytest.fixture
def _watched(db: None) -> None:
    # A test's connection may be older than the app's start.
    database.watch(connection)


@pytest.mark.usefixtures("_watched")
def test_each_statement_is_timed_once_however_often_a_connection_is_made() -> None:
    database.watch(connection)
    before = counted()

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")

    assert counted() - before == 1


@pytest.mark.usefixtures("_watched")
def test_a_statement_that_fails_is_timed_too() -> None:
    before = counted()

    with pytest.raises(Error), connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")

    assert counted() - before == 1
