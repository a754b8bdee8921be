"""The examples for systemd, nginx, Caddy, Prometheus and Alertmanager, checked by their own programs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from tests.config.operations.test_upgrade import self_signed
from tests.deploy.files import DEPLOY, ROOT
from tests.services import NGINX, program

UNITS = sorted(
    path.name for path in (DEPLOY / "systemd").iterdir() if path.suffix in {".service", ".target", ".timer"}
)


def check(*command: object) -> str:
    """What the program says; it must end well."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as they would be installed, but for programs that are not on this machine."""
    folder = tmp_path_factory.mktemp("units")
    shutil.copytree(DEPLOY / "systemd", folder, dirs_exist_ok=True)
    for path in folder.glob("*.service"):
        text = path.read_text().replace("/opt/portal/current/deploy", str(DEPLOY))
        path.write_text(re.sub(r"/opt/portal/current/\.venv/bin/\w+", "/bin/true", text))
    return folder


@pytest.mark.systemd
def test_systemd_reads_every_unit_without_a_word(units: Path) -> None:
    assert check("systemd-analyze", "verify", "--man=no", *(units / name for name in UNITS)) == ""


@pytest.mark.systemd
def test_systemd_notices_what_it_does_not_know(units: Path, tmp_path: Path) -> None:
    """The test above would see it: what all units have is a file of its own."""
    shutil.copytree(units, tmp_path / "units")
    common = tmp_path / "units" / "portal-.service.d" / "common.conf"
    common.write_text(common.read_text() + "NoSuchThing=yes\n")

    assert "NoSuchThing" in check(
        "systemd-analyze", "verify", "--man=no", tmp_path / "units" / "portal-beat.service"
    )


def test_units_run_commands_that_are_there() -> None:
    texts = [(DEPLOY / "systemd" / name).read_text() for name in UNITS]
    scripts = {word for text in texts for word in re.findall(r"/opt/portal/current/(deploy/\S+)", text)}
    named = {word for text in texts for word in re.findall(r"manage\.py (\w+)", text)}

    assert {script for script in scripts if not (ROOT / script).stat().st_mode & 0o100} == set()
    assert named == {"portal", "web", "worker", "migrate"}


def nginx_configuration(folder: Path, server: str) -> Path:
    self_signed(folder)
    for written, here in {
        "/etc/ssl/portal/fullchain.pem": str(folder / "certificate.pem"),
        "/etc/ssl/portal/privkey.pem": str(folder / "key.pem"),
    }.items():
        server = server.replace(written, here)
    path = folder / "nginx.conf"
    path.write_text(
        f"pid {folder}/pid; error_log {folder}/log;\nevents {{}}\nhttp {{ access_log off;\n{server}\n}}\n"
    )
    return path


@pytest.mark.nginx
@pytest.mark.parametrize("is_guarded", [False, True], ids=["alone", "behind another sign-in"])
def test_nginx_takes_its_example(tmp_path: Path, is_guarded: bool) -> None:
    server = (DEPLOY / "nginx" / "portal.conf").read_text()
    if is_guarded:
        page = "    location / {\n        proxy_pass http://portal;\n    }\n"
        assert server.count(page) == 1
        server = server.replace(page, (DEPLOY / "nginx" / "forward-auth.conf").read_text())

    check(program(NGINX), "-t", "-p", tmp_path, "-c", nginx_configuration(tmp_path, server))


@pytest.mark.caddy
@pytest.mark.parametrize("name", ["Caddyfile", "forward-auth.Caddyfile"])
def test_caddy_takes_its_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    check("caddy", "validate", "--adapter", "caddyfile", "--config", DEPLOY / "caddy" / name)


@pytest.mark.parametrize("name", ["nginx/portal.conf", "caddy/Caddyfile", "caddy/forward-auth.Caddyfile"])
def test_the_proxies_know_the_paths_of_events(name: str) -> None:
    """They may be sent twice, and no other sign-in stands before them."""
    (pattern,) = re.findall(r"(?:location ~|path_regexp) (\S+)", (DEPLOY / name).read_text())

    assert pattern == settings.CORS_URLS_REGEX
