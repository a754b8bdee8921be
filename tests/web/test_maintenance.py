import pytest
from django.db import connection

from web import maintenance


@pytest.fixture
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_the_file_is_looked_for_in_the_data_directory(data_dir):
    assert not maintenance.has_file()

    (data_dir / "maintenance").touch()

    assert maintenance.has_file()


@pytest.mark.only_on("sqlite")
def test_a_database_file_that_is_removed_is_gone(data_dir, settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(data_dir / "gone"))

    assert maintenance.is_database_gone()


def test_a_server_has_no_file_to_lose(data_dir):
    assert connection.vendor == "sqlite" or not maintenance.is_database_gone()
