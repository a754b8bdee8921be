"""The tables of docs/metrics.md, written from the plan and the catalogue."""

from collections.abc import Sequence

from metrics.families.catalogue import FamilyTable, ShownFamily, shown_families
from telemetry.plan import TrackingPlan

# What stands between the two is written anew.
BEGIN = "<!-- table: {table}; written by manage.py export_families -->\n"
END = "<!-- end of the table -->"
COLUMNS = {
    FamilyTable.EVENTS: ("Family", "Type", "Labels", "Fed by", "Meaning"),
    FamilyTable.STATES: ("Family", "Type", "Labels", "Meaning"),
    FamilyTable.KPIS: ("Family", "Type", "Labels", "Meaning"),
    FamilyTable.REQUESTS: ("Family", "Type", "Labels", "Meaning"),
    FamilyTable.PORTAL: ("Family", "Type", "Labels", "Source", "Meaning"),
}


def with_tables(text: str, *, plan: TrackingPlan) -> str:
    """The page with its tables written anew. Raises ValueError if it lacks the place of one of them."""
    families = shown_families(plan)
    for table in FamilyTable:
        before, begin, rest = text.partition(BEGIN.format(table=table))
        _, end, after = rest.partition(END)
        if not end:
            raise ValueError(f"The page has no place for the table {table}.")
        text = "".join([before, begin, _rows(table, families), end, after])
    return text


def _rows(table: FamilyTable, families: Sequence[ShownFamily]) -> str:
    columns = COLUMNS[table]
    rows = [columns, ("---",) * len(columns)]
    rows += [
        tuple(_cell(family, column) for column in columns) for family in families if family.table is table
    ]
    return "".join(f"| {' | '.join(row)} |\n".replace("|  |", "| |") for row in rows)


def _cell(family: ShownFamily, column: str) -> str:
    match column:
        case "Family":
            return f"`{family.name}`"
        case "Type":
            return family.kind
        case "Labels":
            return ", ".join(f"`{label}`" for label in family.labels)
        case "Fed by":
            return ", ".join(f"`{event}`" for event in family.fed_by) or "every event"
        case "Source":
            return family.source.value
    return " ".join(family.meaning.split()).replace("|", "\\|")
