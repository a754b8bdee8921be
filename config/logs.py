"""Log lines as JSON objects, one a line, on standard error. They carry the request's id, never a payload or a key."""

import json
import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, OperationalError

from web.log_fields import log_fields
from web.request_ids import REQUEST_ID
from web.tracing.spans import current_ids

# Their texts speak of connections, files and locks. Any other exception may quote what a client sent.
SPEAKING = (OSError, ImproperlyConfigured, InterfaceError, OperationalError)

# A key of the portal, a header or parameter that carries one, and the paths that have one in them: also links that
# people get by mail, and what a provider of single sign-on sends them back with.
SECRETS = (
    (re.compile(r"(wb(?:_|%5f)[a-z]+(?:_|%5f))[\w%-]+", re.IGNORECASE), r"\1…"),
    (re.compile(r"\b((?:bearer|basic)\s+)[^\s'\",]+", re.IGNORECASE), r"\1…"),
    (
        re.compile(
            r"((?:authorization|x[-_]workbench[-_]key)['\"]?\s*[:=]\s*['\"]?)(?!bearer\b|basic\b)[^\s'\",]+",
            re.IGNORECASE,
        ),
        r"\1…",
    ),
    (
        re.compile(r"((?:^|[?&\s'\"])(?:key|token|api_key|writekey|code|state)=)[^\s&'\"]+", re.IGNORECASE),
        r"\1…",
    ),
    (
        re.compile(
            r"((?:^|/)(?:array|v1/projects|invitations|shared|embed|digests/unsubscribe|password/reset)/)[^\s/'\"]+"
        ),
        r"\1…",
    ),
)
# What databases add to their messages: the values of a row.
ROW = re.compile(r"(?:DETAIL:|CONTEXT:|Failing row contains|Key \().*", re.DOTALL)


def masked(text: str) -> str:
    """The text without keys and without rows of the database."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return ROW.sub("…", text)


class FaultsOnly(logging.Filter):
    """Lets no record of a 503 pass: who is told to come later meets no fault, and there may be thousands."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "status_code", None) != HTTPStatus.SERVICE_UNAVAILABLE


def safe_message(record: logging.LogRecord) -> str:
    """The record's message without keys, and without what exceptions quote. The record stays as it is."""
    plain = logging.makeLogRecord({"msg": record.msg, "args": safe_arguments(record.args)})
    text = plain.getMessage()
    for error in chain(record.exc_info[1] if record.exc_info else None):
        text = without_texts(text, error)
    return masked(text)


def safe_arguments(arguments: Any) -> Any:
    """The arguments of a record with the types of exceptions in place of their texts.

    Celery's have the exception's text and traceback under fixed names.
    """
    if isinstance(arguments, Mapping):
        hidden = {"exc", "traceback"} & arguments.keys() if "exc" in arguments else set()
        return {name: "…" if name in hidden else safe_argument(each) for name, each in arguments.items()}
    return tuple(map(safe_argument, arguments or ()))


def safe_argument(argument: object) -> object:
    return type(argument).__qualname__ if isinstance(argument, BaseException) else argument


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exception, and those that led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def without_texts(message: str, error: BaseException) -> str:
    if isinstance(error, SPEAKING) and not is_answer_of_database(error):
        return message
    for text in (repr(error), str(error)):
        if text:
            message = message.replace(text, type(error).__qualname__)
    return message


def is_answer_of_database(error: BaseException) -> bool:
    """Whether a server made the text: it has a code, and may quote a row. A driver's own text never does."""
    return isinstance(error, DatabaseError) and bool(getattr(error.__cause__, "sqlstate", None))


class JsonFormatter(logging.Formatter):
    """{"time", "level", "logger", "message", "request_id"?, "trace_id"?, "span_id"?, …, "exception"?}; time is UTC.

    Further names are those of web.log_fields.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": safe_message(record),
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = masked(request_id)
        line |= {**current_ids(), **log_fields()}
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
    if isinstance(error, SPEAKING) and not is_answer_of_database(error):
        described["text"] = masked(str(error))
    if error.__cause__:
        described["cause"] = describe(error.__cause__)
    return described
