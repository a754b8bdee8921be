from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture
def _built_script(settings: Settings, tmp_path: Path) -> None:
    """The chart's script lies where the build puts it, whether it was built or not."""
    script = tmp_path / "build" / "charts.js"
    script.parent.mkdir()
    script.touch()
    settings.STATICFILES_DIRS = [*settings.STATICFILES_DIRS, tmp_path]
