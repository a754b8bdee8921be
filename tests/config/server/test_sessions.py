import psycopg
import pytest

from config.server.patience import HurriedConnection
from config.server.sessions import WritableSession
from tests.services import POSTGRES_URL


@pytest.fixture(params=[WritableSession, HurriedConnection])
def session(request):
    server, _, _ = POSTGRES_URL.rpartition("/")
    with request.param.connect(f"{server}/postgres", autocommit=True) as session:
        yield session


@pytest.mark.postgres
def test_a_session_that_can_only_read_ends_itself_when_it_shall_write(session):
    session.execute("SET default_transaction_read_only = on")
    session.execute("SELECT 1")
    assert not session.closed

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        session.execute("CREATE TABLE never_made (id int)")
    assert session.closed


@pytest.mark.postgres
def test_a_session_with_another_fault_stays(session):
    with pytest.raises(psycopg.errors.UndefinedTable):
        session.execute("SELECT * FROM never_made")
    assert not session.closed
