"""Migrations run while the release before them still answers (docs/upgrading.md)."""

from pathlib import Path

import pytest
from django_migration_linter import MigrationLinter

from people.roles import own_apps

ROOT = Path(__file__).resolve().parent.parent


# On SQLite no two releases run at once, and Django makes tables anew there.
@pytest.mark.only_on("postgresql")
# A concurrent index is made in no transaction.
@pytest.mark.django_db(transaction=True)
def test_the_release_before_can_work_with_every_migration(capsys: pytest.CaptureFixture[str]) -> None:
    linter = MigrationLinter(
        str(ROOT),
        include_apps=[*own_apps()],
        ignore_initial_migrations=True,
        no_cache=True,
        quiet=["ok", "ignore"],
    )

    linter.lint_all_migrations()

    assert not linter.has_errors, capsys.readouterr().out
