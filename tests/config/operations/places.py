"""Portals with data of their own, and what is read of it from outside."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.config.test_portal import ROOT, Portal, environment, start


@dataclass
class Place:
    """Where a portal has its data, and the portal while it runs."""

    data_dir: Path
    database_url: str
    port: int

    def manage(self, *words: str, **more: str) -> str:
        own = environment(self.data_dir, port=self.port, DATABASE_URL=self.database_url, **more)
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @contextmanager
    def running(self) -> Iterator[Portal]:
        portal = start(self.data_dir, port=self.port, DATABASE_URL=self.database_url)
        try:
            yield portal
        finally:
            portal.process.terminate()
            portal.process.communicate(timeout=20)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        if self.database_url:
            with psycopg.connect(self.database_url) as connection:
                return connection.execute(query.encode()).fetchall()
        with closing(sqlite3.connect(self.data_dir / "portal.sqlite3")) as connection:
            return connection.execute(query).fetchall()

    def sessions(self) -> set[str]:
        """Those of the stored events."""
        return {row[0] for row in self.rows("SELECT session_id FROM telemetry_rawevent")}

    def kpis(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT kpi, persona, environment, granularity, period_start, dimension, value, numerator, denominator"
            " FROM kpis_kpibucket ORDER BY 1, 2, 3, 4, 5, 6, 7"
        )

    def counted(self) -> int:
        """Chat messages that the KPI counts."""
        (row,) = self.rows(
            "SELECT coalesce(sum(denominator), 0) FROM kpis_kpibucket"
            " WHERE kpi = 'template-suggestion-rate' AND granularity = 'base' AND dimension = ''"
        )
        return int(row[0])
