"""Log records as JSON objects, one a line. A line has the request's id, and never what a client sent."""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError

from web.request_ids import REQUEST_ID

# Their texts are about connections, files and locks. Any other exception's text may quote what a client sent.
SAFE_TO_QUOTE = (OSError, ImproperlyConfigured, InterfaceError, OperationalError)


class JsonFormatter(logging.Formatter):
    """{"time", "level", "logger", "message", "request_id"?, "exception"?}; time is UTC."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = request_id
        if record.exc_info and record.exc_info[1]:
            line["exception"] = describe(record.exc_info[1])
        return json.dumps(line)


def describe(error: BaseException) -> dict[str, Any]:
    """{"type", "text"?, "frames": ["file:line function", …], "cause"?}; the innermost frame comes last."""
    described: dict[str, Any] = {
        "type": type(error).__qualname__,
        "frames": [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ],
    }
    if isinstance(error, SAFE_TO_QUOTE):
        described["text"] = str(error)
    if error.__cause__:
        described["cause"] = describe(error.__cause__)
    return described
