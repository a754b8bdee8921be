"""What holds for every command."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.test_portal import ROOT, environment

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["health"], ["health", "--json"], ["help"]])
def test_a_command_ends_quietly_when_nobody_reads_on(
    tmp_path: Path, words: list[str], unbuffered: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    own = environment(tmp_path, port=8000, PYTHONUNBUFFERED=unbuffered)
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(command, cwd=ROOT, env=own, stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)

    assert done.returncode == 128 + signal.SIGPIPE
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipeError" not in done.stderr
