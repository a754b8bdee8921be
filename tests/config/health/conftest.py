import pytest

from config.processes.health import PROBES
from config.processes.probes import Probe


@pytest.fixture
def ready(monkeypatch, settings, tmp_path):
    """What /readyz looks at is there; the disk is this machine's."""
    settings.DATA_DIR = tmp_path
    settings.REDIS_URL = ""
    for name in PROBES:
        monkeypatch.setitem(PROBES, name, Probe(lambda: "fine"))
