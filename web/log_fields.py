"""What log lines say of the work at hand beside the request's id: the ids of the arrivals that it is about."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# None outside of a request and of a fold: there nothing is noted, because nothing would end it.
LOG_FIELDS: ContextVar[dict[str, Any] | None] = ContextVar("log_fields", default=None)


@contextmanager
def log_scope(**fields: Any) -> Iterator[None]:
    """Log lines within have these fields, and those that `note_log_fields` adds."""
    token = LOG_FIELDS.set(fields)
    try:
        yield
    finally:
        LOG_FIELDS.reset(token)


def note_log_fields(**fields: Any) -> None:
    """Later log lines of the same request or fold have these fields too; outside of both nothing happens."""
    noted = LOG_FIELDS.get()
    if noted is not None:
        noted.update(fields)


def log_fields() -> Mapping[str, Any]:
    return LOG_FIELDS.get() or {}
