"""A backup is taken while clients post, and restored elsewhere: all that was accepted before is there."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.servers import free_port
from tests.config.operations.places import Place
from tests.config.operations.posting import Poster, batches, posting
from tests.config.test_portal import wait_until
from tests.conftest import new_postgres_database

pytestmark = pytest.mark.processes


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    """Two portals that know nothing of each other."""
    with ExitStack() as stack:
        urls = [
            stack.enter_context(new_postgres_database()) if request.param == "postgresql" else ""
            for _ in range(2)
        ]
        first, second = (
            Place(data_dir=tmp_path / name, database_url=url, port=free_port())
            for name, url in zip("ab", urls, strict=True)
        )
        yield first, second


def test_nothing_is_missing_in_a_backup_that_was_made_under_load(
    places: tuple[Place, Place], tmp_path: Path
) -> None:
    original, other = places
    with original.running() as portal:
        key = re.findall(r"ingest key +(\S+)", portal.text)[0]
        poster = Poster(address=original.address, key=key)
        with posting(poster):
            before = set(poster.accepted)
            original.manage("backup", str(tmp_path / "backup"))
            after = len(poster.accepted)
            time.sleep(0.5)
        wait_until(lambda: original.counted() == len(poster.accepted))

    other.manage("restore", str(tmp_path / "backup"))

    restored = other.sessions()
    assert before <= restored <= set(poster.accepted)
    assert len(before) < after < len(poster.accepted), "nobody posted meanwhile"
    assert (other.data_dir / "secret_key").read_text() == (original.data_dir / "secret_key").read_text()

    with other.running():
        # Its clients send everything again: what the backup has is a copy, and the rest catches up.
        again = Poster(address=other.address, key=key)
        assert {again.post(batch) for batch in batches(poster.accepted.values())} == {(200, None)}
        wait_until(lambda: other.counted() == len(poster.accepted))

    assert other.kpis() == original.kpis()
    assert other.sessions() == original.sessions() == set(poster.accepted)
