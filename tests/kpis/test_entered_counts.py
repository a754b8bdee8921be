"""Entered counts as files: previewed, imported, exported, and what is said about bad ones."""

import csv
import io
import re
from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEntry
from kpis.entered_counts import MOST_ROWS, EnteredCountsCsv, UnreadableFile
from kpis.forms import MOST_FILE_BYTES
from kpis.models import EnteredCount
from telemetry.models import Environment
from tests.rows import environment
from workbench.models import TouchedBucket

pytestmark = pytest.mark.django_db

COUNTS = "/admin/kpis/enteredcount/"
HEADER = "environment,date,source,workflows\n"
GOOD = HEADER + "production,2026-02-01,console,3\nproduction,2026-02-02,console,4\n"


def preview(client: Client, content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("counts.csv", data, content_type="text/csv")
    answer = client.post(f"{COUNTS}import/", {"import_file": file, "format": "0", "resource": "0"})
    assert answer.status_code == 200
    return answer.content.decode()


def confirm(client: Client, page: str) -> str:
    """Presses the button of a preview; returns the page after it."""
    names = ("import_file_name", "original_file_name", "format")
    fields = {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in names}  # type: ignore[index]
    return client.post(f"{COUNTS}process_import/", fields, follow=True).content.decode()


def is_refused(page: str) -> bool:
    return "import_file_name" not in page


def rows() -> set[tuple[object, ...]]:
    return set(EnteredCount.objects.values_list("environment", "date", "source", "workflows"))


@pytest.fixture(autouse=True)
def production() -> None:
    environment("production")


def test_a_file_is_previewed_and_then_imported(admin_client: Client, admin_user: User) -> None:
    page = preview(admin_client, GOOD)
    assert not is_refused(page)
    assert (rows(), TouchedBucket.objects.count()) == (set(), 0)

    confirm(admin_client, page)

    assert rows() == {
        ("production", date(2026, 2, day), "console", workflows) for day, workflows in ((1, 3), (2, 4))
    }
    assert set(EnteredCount.objects.values_list("entered_by", flat=True)) == {admin_user.pk}
    starts = set(TouchedBucket.objects.values_list("bucket_start", flat=True))
    assert starts == {datetime(2026, 2, day, tzinfo=UTC) for day in (1, 2)}
    assert AuditEntry.objects.filter(verb="created", object_repr__contains="console").count() == 2


def test_a_day_whose_kpis_are_final_is_an_error_of_its_row(admin_client: Client) -> None:
    Environment.objects.update(things_kept_from=datetime(2026, 2, 2, tzinfo=UTC))

    page = preview(admin_client, GOOD)

    assert is_refused(page)
    assert page.count("before 2026-02-02 00:00 UTC are final") == 1


def test_the_same_file_twice_changes_nothing(admin_client: Client) -> None:
    confirm(admin_client, preview(admin_client, GOOD))
    TouchedBucket.objects.all().delete()
    before = (rows(), AuditEntry.objects.count())

    page = confirm(admin_client, preview(admin_client, GOOD))

    assert "0 new, 0 updated, 0 deleted and 2 skipped" in page
    assert (rows(), AuditEntry.objects.count()) == before
    assert not TouchedBucket.objects.exists()


def test_a_row_replaces_the_count_of_its_day_and_marks_only_that(admin_client: Client) -> None:
    confirm(admin_client, preview(admin_client, GOOD))
    TouchedBucket.objects.all().delete()

    confirm(admin_client, preview(admin_client, GOOD.replace("console,3", "console,5")))

    assert ("production", date(2026, 2, 1), "console", 5) in rows()
    assert list(TouchedBucket.objects.values_list("bucket_start", flat=True)) == [
        datetime(2026, 2, 1, tzinfo=UTC)
    ]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\n\n"),
        "Workflows, Source ,date,environment\n3,console,2026-02-01,production\n",
    ],
)
def test_what_spreadsheets_write_is_read(admin_client: Client, content: str) -> None:
    confirm(admin_client, preview(admin_client, content))

    assert ("production", date(2026, 2, 1), "console", 3) in rows()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("nowhere,2026-02-01,console,3", "not one of the available choices"),
        ("production,soon,console,3", "valid date"),
        ("production,2999-01-01,console,3", "has not begun yet"),
        ("production,2026-02-01,,3", "required"),
        ("production,2026-02-01,console,-1", "greater than or equal to 0"),
        ("production,2026-02-01,console,many", "whole number"),
        (f"production,2026-02-01,console,{10**30}", "less than or equal to|It takes at most"),
        ("production,2026-02-01,=1+1,3", "begin like a formula"),
        ("production,2026-02-01,@SUM(A1),3", "begin like a formula"),
        ("production,2026-02-01,con\0sole,3", "production"),
        (f"production,2026-02-01,{'x' * 33},3", "at most 32 characters"),
        (f"production,2026-02-01,{'x' * 201},3", "more than 200 characters"),
        ("production,2026-02-01,console", "has 3 cells; the header has 4"),
        ("production,2026-02-01,console,3,4", "has 5 cells; the header has 4"),
        ("production,2026-02-05,console,1\nproduction,2026-02-05,console,2", "An earlier row"),
    ],
)
def test_a_bad_row_is_explained_and_nothing_is_imported(admin_client: Client, row: str, message: str) -> None:
    page = preview(admin_client, f"{GOOD}{row}\n")

    assert re.search(message, page)
    assert is_refused(page) or "\0" in row
    assert rows() == set()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "no header"),
        (HEADER.encode("utf-16"), "Line 1 is not UTF-8"),
        (HEADER.encode() + b"production,2026-02-01,K\xf6ln,3\n", "Line 2 is not UTF-8"),
        (b"date,source\n2026-02-01,console\n", "must name the columns"),
        (b"environment,date,source,workflows,workflows\n", "must name the columns"),
        (HEADER.encode() + b'"production,2026-02-01', "is not CSV"),
        (HEADER.encode() + b"x" * 140_000, "is not CSV"),
        (b"PK\x03\x04\0\0\xff\xfe", "not UTF-8"),
        ((GOOD + "production,2026-02-01,console,3\n" * MOST_ROWS).encode(), f"at most {MOST_ROWS}"),
        (b"x" * (MOST_FILE_BYTES + 1), f"at most {MOST_FILE_BYTES}"),
    ],
)
def test_a_file_that_is_no_list_is_explained(admin_client: Client, content: bytes, message: str) -> None:
    page = preview(admin_client, content)

    assert message in page
    assert is_refused(page)


def test_markup_in_a_file_is_shown_as_text(admin_client: Client) -> None:
    page = preview(admin_client, HEADER + "<script>alert(1)</script>,2026-02-01,<img src=x>,3\n")

    assert "<script>alert(1)" not in page
    assert "<img src=x>" not in page


@pytest.mark.parametrize("name", ["0" * 32, "../../etc/passwd", ""])
def test_a_file_that_is_gone_is_asked_for_again(admin_client: Client, name: str) -> None:
    fields = {"import_file_name": name, "original_file_name": "counts.csv", "format": "0"}
    page = admin_client.post(f"{COUNTS}process_import/", fields, follow=True).content.decode()

    assert "pload" in page
    assert rows() == set()


def test_a_format_that_is_not_offered_is_refused(admin_client: Client) -> None:
    fields = {
        "import_file_name": "0" * 32,
        "original_file_name": "counts.csv",
        "format": "7",
        "resource": "9",
    }

    assert admin_client.post(f"{COUNTS}process_import/", fields).status_code == 302


def test_a_row_that_went_wrong_since_the_preview_stores_nothing(admin_client: Client) -> None:
    page = preview(admin_client, GOOD)
    from telemetry.models import Environment

    Environment.objects.all().delete()

    assert "Nothing was imported" in confirm(admin_client, page)
    assert (rows(), TouchedBucket.objects.count()) == (set(), 0)


def test_an_import_needs_the_permissions_to_add_and_to_change(client: Client) -> None:
    person = User.objects.create_user("jo", is_staff=True)
    for codename in ("view_enteredcount", "add_enteredcount"):
        person.user_permissions.add(Permission.objects.get(codename=codename))
    client.force_login(person)

    assert client.get(f"{COUNTS}import/").status_code == 403
    assert client.post(f"{COUNTS}process_import/").status_code == 403
    assert client.get(f"{COUNTS}export/").status_code == 200


def test_an_export_has_no_formulas_and_can_be_imported(admin_client: Client) -> None:
    confirm(admin_client, preview(admin_client, GOOD))
    exported = admin_client.get(f"{COUNTS}export/").content.decode()
    assert "0 new" in confirm(admin_client, preview(admin_client, exported))

    EnteredCount.objects.create(environment="production", date="2026-02-03", source="=1+1", workflows=1)
    cells = list(csv.reader(io.StringIO(admin_client.get(f"{COUNTS}export/").content.decode())))
    assert "'=1+1" in {row[2] for row in cells}


def test_an_export_needs_the_permission_to_view(client: Client) -> None:
    client.force_login(User.objects.create_user("jo", is_staff=True))

    assert client.get(f"{COUNTS}export/").status_code == 403


def test_a_preview_writes_nothing(admin_client: Client) -> None:
    with CaptureQueriesContext(connection) as captured:
        preview(admin_client, GOOD)

    assert not [query for query in captured if re.match("INSERT|UPDATE|DELETE", query["sql"])]


def test_text_is_read_like_bytes() -> None:
    assert EnteredCountsCsv().create_dataset(GOOD).height == 2
    with pytest.raises(UnreadableFile, match="uploaded too long ago"):
        EnteredCountsCsv().create_dataset(None)
