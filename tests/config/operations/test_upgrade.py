"""An upgrade while clients post: the next release's migrations run beside this release's web servers."""

import re
import shutil
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.servers import free_port
from config.management.commands.migrate import LOCK_SECONDS
from config.processes.supervisor import can_connect
from tests.config.operations.places import Place
from tests.config.operations.posting import Poster, posting
from tests.config.test_portal import ROOT, environment, wait_until
from tests.conftest import new_postgres_database
from tests.services import NGINX, program

pytestmark = pytest.mark.processes

SETTINGS = """
from config.settings import *
MIGRATION_MODULES = {"telemetry": "next_release.telemetry_migrations"}
"""
# As docs/upgrading.md wants them: columns that the old code need not fill, and an index that stops no writer.
ADD_COLUMNS = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("telemetry", "{newest}")]
    operations = [
        migrations.AddField("arrival", "next_note", models.CharField(max_length=20, db_default="none")),
        migrations.AddField("rawevent", "next_size", models.IntegerField(null=True)),
        migrations.CreateModel("NextThing", [("id", models.BigAutoField(primary_key=True))]),
    ]
"""
ADD_INDEX = """
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connection, migrations, models

Add = AddIndexConcurrently if connection.vendor == "postgresql" else migrations.AddIndex

class Migration(migrations.Migration):
    atomic = False
    dependencies = [("telemetry", "9000_add_columns")]
    operations = [Add("arrival", models.Index(name="arrival_next_note", fields=["next_note"]))]
"""


@pytest.fixture(scope="module")
def next_release(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a process of a release that has two migrations more than this one."""
    folder = tmp_path_factory.mktemp("release")
    migrations = folder / "next_release" / "telemetry_migrations"
    shutil.copytree(ROOT / "telemetry" / "migrations", migrations)
    newest = max(path.stem for path in migrations.glob("[0-9]*.py"))
    (folder / "next_release" / "settings.py").write_text(SETTINGS)
    (migrations / "9000_add_columns.py").write_text(ADD_COLUMNS.replace("{newest}", newest))
    (migrations / "9001_add_index.py").write_text(ADD_INDEX)
    return {"DJANGO_SETTINGS_MODULE": "next_release.settings", "PYTHONPATH": str(folder)}


@pytest.fixture
def postgres_url() -> Iterator[str]:
    with new_postgres_database() as url:
        yield url


def assert_nothing_is_lost(poster: Poster, place: Place) -> None:
    """Every accepted event is stored, and whoever was not accepted was told to come back."""
    assert {status for status, _ in poster.refusals} <= {503}
    assert all(int(retry_after or 0) > 0 for _, retry_after in poster.refusals)
    assert set(poster.accepted) <= place.sessions()


def test_sqlite_is_migrated_while_clients_post(tmp_path: Path, next_release: dict[str, str]) -> None:
    place = Place(data_dir=tmp_path, database_url="", port=free_port())
    migrate_under_load(place, next_release)


@pytest.mark.postgres
def test_postgresql_is_migrated_while_clients_post_and_a_reader_takes_long(
    postgres_url: str, tmp_path: Path, next_release: dict[str, str]
) -> None:
    """Behind the reader the migration would wait for its lock, and all posts behind the migration."""
    place = Place(data_dir=tmp_path, database_url=postgres_url, port=free_port())
    migrate_under_load(place, next_release)


def migrate_under_load(place: Place, next_release: dict[str, str]) -> None:
    with place.running() as portal:
        key = re.findall(r"ingest key +(\S+)", portal.text)[0]
        poster = Poster(address=place.address, key=key)
        with posting(poster), reading(place.database_url):
            before = len(poster.accepted)
            place.manage("migrate", "--noinput", **next_release)
            during = len(poster.accepted)
            time.sleep(1)
        assert before < during < len(poster.accepted)
        wait_until(lambda: place.counted() == len(poster.accepted))
    assert_nothing_is_lost(poster, place)
    assert place.rows("SELECT DISTINCT next_note FROM telemetry_arrival") == [("none",)]


@contextmanager
def reading(database_url: str) -> Iterator[None]:
    """Somebody reads the arrivals in one transaction, until the migration has waited for longer than it may.

    Nobody does on SQLite, where readers stop nobody.
    """
    if not database_url:
        yield
        return
    with psycopg.connect(database_url) as reader, psycopg.connect(database_url, autocommit=True) as watcher:
        reader.execute("SELECT count(*) FROM telemetry_arrival")
        thread = threading.Thread(target=end_reading, args=[reader, watcher])
        thread.start()
        yield
        thread.join()


def end_reading(reader: psycopg.Connection[Any], watcher: psycopg.Connection[Any]) -> None:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE%'"
    )
    try:
        wait_until(lambda: watcher.execute(waiting).fetchall() != [(0,)], seconds=60)
        time.sleep(LOCK_SECONDS + 1)
    finally:
        reader.rollback()


@pytest.mark.nginx
@pytest.mark.postgres
def test_web_servers_behind_nginx_are_restarted_one_by_one(postgres_url: str, tmp_path: Path) -> None:
    place = Place(data_dir=tmp_path / "data", database_url=postgres_url, port=free_port())
    place.manage("migrate", "--noinput")
    words = ["--scope", "ingest", "--environment", "production", "--source", "test"]
    key = place.manage("create_key", *words)
    ports = [place.port, free_port()]
    servers = {port: WebServer(place, port) for port in ports}
    try:
        for server in servers.values():
            server.wait_until_ready()
        with nginx(tmp_path, upstreams=ports) as (address, tls):
            poster = Poster(address=address, key=key, tls=tls)
            with posting(poster):
                for port, server in servers.items():
                    server.stop()
                    servers[port] = WebServer(place, port)
                    servers[port].wait_until_ready()
                    # nginx asks a server that failed again after fail_timeout.
                    time.sleep(2.5)
            assert_nothing_is_lost(poster, place)
            assert poster.refusals == []

            # All of them at once: nginx tells clients to come back.
            for server in servers.values():
                server.stop()
            assert poster.post([]) == (503, "5")
    finally:
        for server in servers.values():
            server.stop()


class WebServer:
    """A `manage.py web` of the portal's."""

    def __init__(self, place: Place, port: int) -> None:
        self.port = port
        own = environment(place.data_dir, port=port, DATABASE_URL=place.database_url, WEB_WORKERS="1")
        own |= {"TRUSTED_PROXIES": "127.0.0.1", "PUBLIC_URL": "https://kpi.example.com"}
        own |= {"ALLOWED_HOSTS": "127.0.0.1"}
        command = [sys.executable, "manage.py", "web"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=own)

    def is_ready(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.port}/readyz?check=migrations"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def wait_until_ready(self) -> None:
        wait_until(self.is_ready, seconds=150)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


@contextmanager
def nginx(folder: Path, *, upstreams: list[int]) -> Iterator[tuple[str, ssl.SSLContext]]:
    """nginx with the example's configuration, but for addresses and the certificate; yields its own address."""
    port, certificate = free_port(), self_signed(folder)
    example = (ROOT / "deploy" / "nginx" / "portal.conf").read_text()
    for written, here in {
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "127.0.0.1:8000": f"127.0.0.1:{upstreams[0]}",
        "127.0.0.1:8001": f"127.0.0.1:{upstreams[1]}",
        "/etc/ssl/portal/fullchain.pem": str(certificate),
        "/etc/ssl/portal/privkey.pem": str(folder / "key.pem"),
    }.items():
        assert written in example
        example = example.replace(written, here)
    (folder / "portal.conf").write_text(example)
    (folder / "nginx.conf").write_text(
        f"user root; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; client_body_temp_path {folder}/bodies; include portal.conf; }}\n"
    )
    command = [program(NGINX), "-p", str(folder), "-c", "nginx.conf", "-g", "daemon off;"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: can_connect(("127.0.0.1", port)))
        yield f"https://127.0.0.1:{port}", ssl.create_default_context(cafile=certificate)
    finally:
        process.terminate()
        process.wait(timeout=10)


def self_signed(folder: Path) -> Path:
    """A certificate for 127.0.0.1; its key is beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    return folder / "certificate.pem"
