"""How long things took, and which durations count: one rule in SQL, for the fold and for the KPIs."""

from dataclasses import dataclass

from workbench.dialect import Dialect


@dataclass(frozen=True)
class Duration:
    """The duration that a thing reports (`reported_ms`), else the time from `start` to `end`.

    All three are SQL expressions over the thing's row, NULL where they are not known. The duration counts when
    it is not below zero: the end may be the moment of the start, but not before it.
    """

    start: str
    end: str
    reported_ms: str = ""

    def microseconds(self, dialect: Dialect) -> str:
        """The duration, whether or not it counts; NULL when it is not known."""
        measured = f"({dialect.microseconds(self.end)} - {dialect.microseconds(self.start)})"
        return f"coalesce({self.reported_ms} * 1000, {measured})" if self.reported_ms else measured

    @property
    def counts(self) -> str:
        """Whether the duration is known and counts; a condition that is never NULL."""
        reported = f"({self.reported_ms}) >= 0, " if self.reported_ms else ""
        return f"coalesce({reported}({self.start}) <= ({self.end}), false)"

    def exclusion(self, *, without_start: str, ended_early: str) -> str:
        """Why the duration of a thing that has ended does not count; NULL when it counts."""
        return (
            f"CASE WHEN {self.counts} THEN NULL"
            f" WHEN {self.start} IS NULL THEN '{without_start}' ELSE '{ended_early}' END"
        )


SESSION = Duration(start="started_at", end="ended_at", reported_ms="duration_ms")
# From its own creation, else from the creation without id that it was paired with, to its acceptance.
DRAFT = Duration(start="coalesce(created_at, paired_created_at)", end="accepted_at")
RUN = Duration(start="started_at", end="completed_at", reported_ms="duration_ms")
APPROVAL = Duration(start="requested_at", end="decided_at")
