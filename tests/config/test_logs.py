import json
import logging
import logging.config
import sys

import pytest
from django.conf import settings
from django.db import OperationalError
from django.http import HttpResponse
from django.utils.log import log_response

from config.logs import JsonFormatter
from telemetry.models import Scope
from web.request_ids import REQUEST_ID


def line(message="Took it", *arguments, error=None):
    try:
        if error:
            raise error
    except Exception:
        error_info = sys.exc_info()
    else:
        error_info = None
    record = logging.LogRecord("telemetry", logging.WARNING, __file__, 1, message, arguments, error_info)
    record.created = 1_770_000_000.5
    return json.loads(JsonFormatter().format(record))


def test_a_line_is_one_json_object_in_utc():
    assert line("Took %s", 5) == {
        "time": "2026-02-02T02:40:00.500+00:00",
        "level": "warning",
        "logger": "telemetry",
        "message": "Took 5",
    }


def test_a_line_carries_the_id_of_its_request():
    token = REQUEST_ID.set("abc")
    try:
        assert line()["request_id"] == "abc"
    finally:
        REQUEST_ID.reset(token)


def test_an_exception_shows_where_it_was_and_not_what_it_quotes():
    exception = line(error=ValueError("someone@example.com"))["exception"]

    assert exception["type"] == "ValueError"
    assert exception["frames"][-1].endswith(" line")
    assert "someone" not in json.dumps(exception)


def test_a_database_that_is_away_is_told_in_words():
    assert line(error=OperationalError("connection refused"))["exception"]["text"] == "connection refused"


@pytest.mark.parametrize("scope", Scope.values)
def test_a_key_of_any_scope_is_masked(scope):
    assert line(f"Got wb_{scope}_Zx9-Zx9")["message"] == f"Got wb_{scope}_…"


def test_the_cause_of_an_exception_is_shown():
    error = ValueError("x")
    error.__cause__ = KeyError("y")

    assert line(error=error)["exception"]["cause"] == {"type": "KeyError", "frames": []}


@pytest.mark.parametrize("text", ["two\nlines", 'a "quote"', "\ud800"])
def test_a_message_never_breaks_the_line(text):
    assert "\n" not in JsonFormatter().format(
        logging.LogRecord("x", logging.INFO, __file__, 1, "%s", (text,), None)
    )


@pytest.mark.parametrize(("status", "lines"), [(500, 1), (502, 1), (503, 0)])
def test_who_is_told_to_come_later_leaves_no_line(rf, caplog, status, lines):
    logging.config.dictConfig(settings.LOGGING)
    logging.getLogger().addHandler(caplog.handler)

    log_response("%s", "Answered", request=rf.get("/"), response=HttpResponse(status=status))

    assert len(caplog.records) == lines
