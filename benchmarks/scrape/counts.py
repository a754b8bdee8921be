"""What is counted of a scrape; without Django, so that the process that asks can read it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SeriesCount:
    """Samples of a scrape, and the stored series of the family that has the largest part of its budget."""

    scraped: int
    fullest: int
    budget: int
