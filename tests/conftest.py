"""Fixtures that every test may use. The same tests run on SQLite and, with DATABASE_URL, on PostgreSQL."""

import gc
import math
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management.commands import flush as flush_command
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django import DjangoDbBlocker, Settings
from unfold.sites import UnfoldAdminSite

from people.models import Role
from telemetry import maintenance
from telemetry.intake import erased
from tests import services
from tests.builders import NOW
from tests.chromium import running_chromium
from tests.people.builders import make_person

NOT_FOUND = "not on this machine:"
# They share a browser or running processes in a module: one worker has the whole module.
HAVE_SET_UPS = ("browser", "processes", "sdks", "prometheus", "alertmanager")
# Content types, permissions and roles: what migrations leave.
GIVEN = ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")
DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--needs-database", action="store_true", help="Leave out tests that reach no database.")


# Before pytest-xdist reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Chooses the tests of this run; skips what needs something that is not on this machine."""
    needs_database = config.getoption("--needs-database")
    choices = [(item, is_chosen(item, needs_database=needs_database)) for item in items]
    config.hook.pytest_deselected(items=[item for item, chosen in choices if not chosen])
    items[:] = [item for item, chosen in choices if chosen]
    missing = services.missing()
    for item in items:
        for marker in missing:
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"{NOT_FOUND} {marker}"))
        if any(item.get_closest_marker(marker) for marker in HAVE_SET_UPS):
            item.add_marker(pytest.mark.xdist_group(item.location[0]))


def pytest_collection_finish() -> None:
    """What is loaded now stays until the end. Python's search for garbage would look at it again and again."""
    gc.collect()
    gc.freeze()


def is_chosen(item: pytest.Item, *, needs_database: bool) -> bool:
    """Whether the test is for this database; pytest-django keeps all others away from a database."""
    only_on = item.get_closest_marker("only_on")
    if only_on is not None:
        return connection.vendor in only_on.args
    return not needs_database or reaches_database(item)


def reaches_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("django_db") is not None or not DATABASE_FIXTURES.isdisjoint(fixtures)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In continuous integration, where everything is installed, a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> datetime:
    """The clock of views, forms and commands stands still at `now`."""
    monkeypatch.setattr(timezone, "now", lambda: now)
    return now


@pytest.fixture
def reader(client: Client, db: None) -> Client:
    """A signed-in analyst: reads everything and exports it."""
    client.force_login(make_person("reader", role=Role.ANALYST))
    return client


@pytest.fixture(autouse=True)
def plain_static_files(settings: Settings) -> None:
    """Pages name static files as they are; nothing has to be collected for a test."""
    storages = {**django_settings.STORAGES, "staticfiles": {"BACKEND": django_settings.PLAIN_STATIC_FILES}}
    settings.STORAGES = storages
    # Each test has clients of its own, and each client would look through all static files when it is made.
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def no_sidebar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of the admin without their sidebar, which takes most of a page's time and has tests of its own."""

    def apps_of_page(site: UnfoldAdminSite, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        return get_app_list(site, request, app_label) if app_label else []

    get_app_list = UnfoldAdminSite.get_app_list
    monkeypatch.setattr(UnfoldAdminSite, "get_app_list", apps_of_page)
    monkeypatch.setattr(UnfoldAdminSite, "get_sidebar_list", lambda site, request: [])


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Lets a test that commits empty the tables at its end: those that have rows, the audit's among them.

    To delete its rows is refused. PostgreSQL's TRUNCATE would not ask, and takes a second for all tables together.
    The rows of GIVEN stay where no test has changed them: to write them again takes longer than all else.
    """
    operations = type(connection.ops)
    flush, signal = operations.sql_flush, flush_command.emit_post_migrate_signal
    with django_db_blocker.unblock():
        given = rows_given()

    def sql_flush(self: Any, style: Any, tables: list[str], **options: Any) -> list[str]:
        allow = "INSERT INTO audit_horizon (kept_from) VALUES ('9999-12-31')"
        emptied = [table for table in tables if table not in GIVEN] if rows_given() == given else tables
        if connection.vendor == "postgresql" and not any(options.values()):
            # No constraint is checked before the commit, so that the order does not matter.
            statements = [f'DELETE FROM "{table}"' for table in filled(emptied)]
            return [allow, *statements, "DELETE FROM audit_horizon"]
        return [allow, "DELETE FROM audit_auditentry", *flush(self, style, emptied, **options)]

    def emit_post_migrate_signal(*arguments: Any, **options: Any) -> None:
        nonlocal given
        if rows_given() != given:
            signal(*arguments, **options)
            given = rows_given()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "sql_flush", sql_flush)
        patch.setattr(flush_command, "emit_post_migrate_signal", emit_post_migrate_signal)
        yield


def rows_given() -> list[list[tuple[Any, ...]]]:
    """All that is in the tables GIVEN."""
    with connection.cursor() as cursor:
        rows = []
        for table in GIVEN:
            cursor.execute(f"SELECT * FROM {table} ORDER BY id")
            rows.append(cursor.fetchall())
        return rows


def filled(tables: list[str]) -> list[str]:
    """The tables that have a row."""
    queries = [f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in tables]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(queries))
        return [name for (name,) in cursor.fetchall()]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module: starting it takes longer than most of its tests."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """Passwords cost next to nothing, and no test meets the wrong ones of another."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


@pytest.fixture(autouse=True)
def nobody_was_erased() -> None:
    """The door does not remember the erasures of another test."""
    erased.forget_cached()


@pytest.fixture(autouse=True)
def no_known_maintenance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process read a moment ago that no maintenance is on. Whoever switches it on or off has it read anew."""
    monkeypatch.setattr(maintenance.cache, "windows", ())
    monkeypatch.setattr(maintenance.cache, "next_read", math.inf)


@pytest.fixture
def redis_url() -> str:
    return services.REDIS_URL


@pytest.fixture(scope="module")
def fresh_postgres() -> Iterator[str]:
    """The URL of an empty PostgreSQL database of the module's own, for the processes that it starts."""
    with new_postgres_database() as url:
        yield url


@contextmanager
def new_postgres_database() -> Iterator[str]:
    """The URL of an empty database, which is dropped afterwards."""
    server, _, _ = services.POSTGRES_URL.rpartition("/")
    name = f"portal_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
