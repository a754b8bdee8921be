"""Entered counts as CSV files: read with an error for each bad row, stored, marked for the rollup, and exported."""

import csv
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import tablib
from django.core.exceptions import ValidationError
from import_export import resources
from import_export.formats.base_formats import CSV
from import_export.tmp_storages import CacheStorage

from kpis.api.csv_export import is_formula, safe_cell
from kpis.compute import rollup
from kpis.forms import EnteredCountForm
from kpis.models import EnteredCount
from people.access import environments_allowed
from telemetry.models import Environment

COLUMNS = ("environment", "date", "source", "workflows")
DELIMITERS = (",", ";", "\t")
# The import is one transaction, and SQLite has one writer: 500 rows take it for a second at most.
MOST_ROWS = 500
LONGEST_CELL = 200
# A column of the rows that are read, not of the file: what is wrong with the row's shape.
PROBLEM = "problem"


class UnreadableFile(ValueError):
    """The file is no list of entered counts. The message says why."""


class EnteredCountsCsv(CSV):
    """CSV with a header of COLUMNS in any order, in UTF-8 with or without BOM, split by comma, semicolon or tab."""

    def create_dataset(self, in_stream: Any, **kwargs: Any) -> tablib.Dataset:
        """Raises UnreadableFile."""
        header, *lines = read_lines(decoded(in_stream))
        names = checked_header(header)
        if len(lines) > MOST_ROWS:
            raise UnreadableFile(f"The file has {len(lines)} rows; it takes at most {MOST_ROWS}.")
        dataset = tablib.Dataset(headers=[*COLUMNS, PROBLEM])
        for cells in lines:
            dataset.append(shaped(cells, names=names))
        return dataset

    def export_data(self, dataset: tablib.Dataset, **kwargs: Any) -> str:
        safe = tablib.Dataset(headers=dataset.headers)
        for row in dataset:
            safe.append([safe_cell(cell) for cell in row])
        return str(safe.export("csv"))


def decoded(data: bytes | str | None) -> str:
    """The file's text. Raises UnreadableFile."""
    if not data:
        raise UnreadableFile("The file is empty, or it was uploaded too long ago. Upload it again.")
    if isinstance(data, str):
        return data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(f"Line {line} is not UTF-8. Save the file as CSV UTF-8.") from error


def read_lines(text: str) -> list[list[str]]:
    """The cells of each line that is not blank, split by what splits the header. Raises UnreadableFile."""
    first = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    try:
        lines = [[cell.strip() for cell in cells] for cells in reader]
    except csv.Error as error:
        raise UnreadableFile(f"Line {reader.line_num} is not CSV: {error}.") from error
    filled = [cells for cells in lines if any(cells)]
    if not filled:
        raise UnreadableFile("The file has no header.")
    return filled


def checked_header(cells: Sequence[str]) -> list[str]:
    """The names of the columns. Raises UnreadableFile."""
    names = [cell.lower() for cell in cells]
    if sorted(names) != sorted(COLUMNS):
        shown = ", ".join(names)[:LONGEST_CELL]
        raise UnreadableFile(f"The first line must name the columns {', '.join(COLUMNS)}; it is: {shown}.")
    return names


def shaped(cells: Sequence[str], *, names: Sequence[str]) -> list[str]:
    """The cells in the order of COLUMNS, cut to what a page can show, and what is wrong with their number or size."""
    problem = ""
    if len(cells) != len(names):
        problem = f"The row has {len(cells)} cells; the header has {len(names)}."
    elif any(len(cell) > LONGEST_CELL for cell in cells):
        problem = f"A cell has more than {LONGEST_CELL} characters."
    by_name = dict(zip(names, cells, strict=False))
    return [*(by_name.get(name, "")[:LONGEST_CELL].replace("\0", "\ufffd") for name in COLUMNS), problem]


class ImportedCountForm(EnteredCountForm):
    """The form's rules for a row of a file. A count that is entered already is no error: the row replaces it."""

    def __init__(
        self, row: dict[str, Any], *, environments: Sequence[str], kept_from: Mapping[str, datetime]
    ) -> None:
        self.offered = list(environments)
        self.things_kept_from = kept_from
        super().__init__(row)

    def kept_from(self) -> Mapping[str, datetime]:
        return self.things_kept_from

    def environments(self) -> list[str]:
        return self.offered

    def clean_source(self) -> str:
        source: str = self.cleaned_data["source"]
        if is_formula(source):
            raise ValidationError("A source does not begin like a formula.")
        return source

    def _post_clean(self) -> None:
        """Compares with no stored row; the fields' own rules have been checked."""


class EnteredCountResource(resources.ModelResource):
    """Stores all rows of a file or none. A row that says what is entered already changes nothing."""

    class Meta:
        model = EnteredCount
        fields = COLUMNS
        export_order = COLUMNS
        import_id_fields = ("environment", "date", "source")
        skip_unchanged = True
        report_skipped = True

    def before_import(self, dataset: tablib.Dataset, **kwargs: Any) -> None:
        # A file that a command imports has nobody with a limit.
        person, names = kwargs.get("user"), Environment.names()
        self.environments = names if person is None else environments_allowed(person, names)
        self.things_kept_from = Environment.things_kept()
        self.seen: set[tuple[str, ...]] = set()
        self.places: set[tuple[str, date]] = set()

    def import_data(self, dataset: tablib.Dataset, dry_run: bool = False, **kwargs: Any) -> Any:
        kwargs |= {"use_transactions": True, "rollback_on_validation_errors": True}
        return super().import_data(dataset, dry_run=dry_run, **kwargs)

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        """Raises ValidationError with all that is wrong with the row."""
        if row[PROBLEM]:
            raise ValidationError(row[PROBLEM])
        form = ImportedCountForm(row, environments=self.environments, kept_from=self.things_kept_from)
        if not form.is_valid():
            raise ValidationError(form.errors.as_data())
        row |= {name: str(form.cleaned_data[name]) for name in COLUMNS}
        key = tuple(row[name] for name in COLUMNS[:3])
        if key in self.seen:
            raise ValidationError("An earlier row is for the same environment, date and source.")
        self.seen.add(key)

    def before_save_instance(self, instance: EnteredCount, row: dict[str, Any], **kwargs: Any) -> None:
        instance.entered_by = kwargs["user"]
        self.places.add((instance.environment, instance.date))

    def save_instance(
        self, instance: EnteredCount, is_create: bool, row: dict[str, Any], **kwargs: Any
    ) -> None:
        """A preview writes nothing, so that no post waits for it."""
        if not kwargs.get("dry_run"):
            super().save_instance(instance, is_create, row, **kwargs)

    def after_import(self, dataset: tablib.Dataset, result: Any, **kwargs: Any) -> None:
        mark_places(self.places)


class UploadedFile(CacheStorage):
    """An uploaded file between preview and import, where all web processes find it."""

    CACHE_PREFIX = "entered-counts-"
    CACHE_LIFETIME = 3600


def mark_places(places: set[tuple[str, date]]) -> None:
    """Have the rollup recompute the first bucket of each day, where entered counts are counted."""
    for environment, day in sorted(places):
        rollup.mark_day(environment=environment, date=day)
