import pytest
from django.db import connection

from web import maintenance
from web.errors import Unavailable


@pytest.fixture
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_posts_are_taken_without_the_file(data_dir):
    maintenance.refuse_if_on()


def test_the_file_refuses_posts(data_dir):
    (data_dir / "maintenance").touch()
    with pytest.raises(Unavailable) as caught:
        maintenance.refuse_if_on()
    assert (caught.value.code, caught.value.headers["Retry-After"]) == ("maintenance", "60")


@pytest.mark.only_on("sqlite")
def test_a_database_file_that_is_gone_refuses_posts(data_dir, settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(data_dir / "gone"))
    with pytest.raises(Unavailable) as caught:
        maintenance.refuse_if_on()
    assert caught.value.code == "database_unavailable"


def test_a_server_has_no_file_to_lose(data_dir):
    assert connection.vendor == "sqlite" or not maintenance.is_database_gone()
