"""Moments as text: the one way in which every answer writes them, and how a person's are read."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """The aware moment in UTC as RFC 3339 writes it, ending with Z; microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def in_utc(moment: datetime) -> datetime:
    """The moment as an aware one; without a zone it is UTC."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
