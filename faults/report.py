"""Rows as a table for people."""

from collections.abc import Sequence

from faults.campaign import FaultOutcome, Row

COLUMNS = (
    ("fault", 20),
    ("database", 10),
    ("posts", 28),
    ("accepted", 8),
    ("rows", 7),
    ("lost", 4),
    ("doubled", 7),
    ("KPIs equal", 10),
    ("/healthz p99, max", 17),
    ("/readyz max", 11),
    ("recovery", 8),
    ("took", 5),
    ("verdict", 7),
)
VERDICT_GREEN = "green"
VERDICT_RED = "RED"


def header() -> str:
    return line([name for name, _ in COLUMNS])


def row_text(row: Row) -> str:
    """One line of the table, and under a red one its complaints."""
    if row.missing:
        return line([row.fault, row.database, f"not tried, missing: {', '.join(row.missing)}"])
    verdict = VERDICT_RED if row.complaints else VERDICT_GREEN
    found = cells(row.outcome) if row.outcome else ["not tried", *[""] * 8]
    first = line([row.fault, row.database, *found, f"{row.seconds:.0f} s", verdict])
    return "\n".join([first, *(f"    {complaint}" for complaint in row.complaints)])


def cells(outcome: FaultOutcome) -> list[str]:
    truth, healthz, recovery = outcome.truth, outcome.healthz, outcome.recovery_seconds
    return [
        " ".join(f"{status}:{count}" for status, count in sorted(outcome.answers.items())),
        f"{truth.accepted:,}",
        f"{truth.rows:,}",
        str(truth.lost),
        str(truth.doubled),
        "NO" if truth.wrong_kpis else "yes",
        f"{milliseconds(healthz.percentile(0.99))}, {milliseconds(healthz.percentile(1))}",
        milliseconds(outcome.readyz.percentile(1)),
        "never" if recovery is None else f"{recovery:.1f} s",
    ]


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms"


def line(texts: Sequence[str]) -> str:
    widths = [width for _, width in COLUMNS]
    return "  ".join(text.ljust(width) for text, width in zip(texts, widths, strict=False)).rstrip()
