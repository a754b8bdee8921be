"""What the Dockerfile would make, as far as it can be seen without a container engine."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

from benchmarks.servers import free_port
from tests import services
from tests.config.test_portal import wait_until
from tests.deploy.files import ROOT
from tests.run import setting_names

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IGNORE = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
KEPT = [line[1:] for line in IGNORE if line.startswith("!")]
DROPPED = [line.removeprefix("**/") for line in IGNORE if line.startswith("**/")]
# A user without a name, as in the image.
USER = 10001


def test_every_app_is_in_the_image() -> None:
    own = {Path(app.path).name for app in apps.get_app_configs() if Path(app.path).parent == ROOT}

    assert own - set(KEPT) == set()


def test_nothing_secret_is_sent_to_the_builder() -> None:
    assert IGNORE[1] == "*"
    assert not {".env", ".git", "var", "deploy"} & {name.split("/")[0] for name in KEPT}


def test_versions_are_pinned_and_the_last_stage_is_not_roots() -> None:
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

    assert all(re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+-[a-z-]+", image) for image in images)
    assert re.findall(r"^USER (\S+)", DOCKERFILE.rpartition("\nFROM ")[2], re.MULTILINE) == ["10001:10001"]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with what COPY takes, the charts, and what the last RUN makes of it; root owns all of it.

    The interpreter and its packages are those of the tests.
    """
    app = Path("/dev/shm") / f"portal-image-{os.getpid()}" / "app"
    app.mkdir(parents=True)
    for name in KEPT:
        source, target = ROOT / name, app / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(*DROPPED))
        elif source.exists():
            shutil.copy2(source, target)
    assert (app / "static" / "build" / "charts.js").exists()
    words = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
    subprocess.run(words, cwd=app, env=variables(app.parent / "build"), check=True)
    shutil.rmtree(app.parent / "build")
    yield app
    shutil.rmtree(app.parent)


def variables(data_dir: Path, **more: str) -> dict[str, str]:
    """Those of the image."""
    own = {name: value for name, value in os.environ.items() if name not in setting_names()}
    named = dict(re.findall(r"^ +(HOST|DEMO)=(\S+)", DOCKERFILE, re.MULTILINE))
    return (
        own
        | named
        | {"DATA_DIR": str(data_dir), "HOME": str(data_dir), "PYTHONDONTWRITEBYTECODE": "1", **more}
    )


IN_THE_IMAGE = """
set -e
mount --make-rprivate /
mount -o remount,bind,ro /
exec 9<"$PREFIX"
mount -t tmpfs -o mode=1777 tmpfs /tmp
# The packages are there, even if they lie in the /tmp that is hidden now.
mkdir -p "$PREFIX"
mount --no-canonicalize --bind /proc/self/fd/9 "$PREFIX"
cd "$APP"
exec setpriv --reuid={user} --regid={user} --clear-groups --no-new-privs \\
    --bounding-set=-all,{reading} --inh-caps=-all,{reading} --ambient-caps=-all,{reading} "$@"
"""
# The interpreter of the tests may lie in root's home, which nobody else may enter.
READING = "+dac_read_search"


@pytest.mark.processes
@pytest.mark.mount
def test_it_runs_on_a_read_only_root_as_a_user_without_a_name(image: Path) -> None:
    """In a name space of its own, where only the data, /tmp and /dev/shm can be written."""
    data, port = image.parent / "data", free_port()
    data.mkdir(mode=0o700)
    subprocess.run([*services.as_root(), "chown", f"{USER}:{USER}", data], check=True)
    command = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        IN_THE_IMAGE.format(user=USER, reading=READING),
        "sh",
        sys.executable,
        "manage.py",
    ]
    own = variables(data, PORT=str(port), APP=str(image), PREFIX=sys.prefix)
    process = subprocess.Popen(
        [*services.as_root(), *command, "portal"],
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(lambda: is_healthy(port), seconds=180)
        owners = {path.stat().st_uid for path in data.iterdir()}
    finally:
        process.terminate()
        printed, _ = process.communicate(timeout=20)
        # Shown where the test fails.
        sys.stdout.write(printed)

    assert owners == {USER}, printed
    assert "Read-only file system" not in printed
    assert process.returncode == 0


def is_healthy(port: int) -> bool:
    """What HEALTHCHECK asks."""
    (program,) = re.findall(r'^    "(import .*)"\]$', DOCKERFILE, re.MULTILINE)
    own = {**os.environ, "PORT": str(port)}
    return subprocess.run([sys.executable, "-c", program], env=own, capture_output=True).returncode == 0
