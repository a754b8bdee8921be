import io
import re

import pytest
from django.contrib.auth import authenticate, get_user_model

from config.processes import first_start
from telemetry import keys
from telemetry.models import ApiKey

pytestmark = pytest.mark.django_db


def run(now, *, demo=False):
    out = io.StringIO()
    first_start.run(demo=demo, address="http://127.0.0.1:8000", now=now, out=out)
    return out.getvalue()


def printed(text, name):
    return re.search(rf"{name} +(\S+)", text)[1]


def test_the_printed_password_is_the_admins(now):
    text = run(now)
    admin = authenticate(username=printed(text, "user"), password=printed(text, "password"))

    assert admin.is_superuser


def test_the_printed_key_takes_events(now):
    key = keys.find_key(printed(run(now), "ingest key"))

    assert (key.scope, key.environment_id, key.source) == ("ingest", "production", "first-key")


def test_the_printed_curl_carries_the_key_and_lets_the_shell_tell_the_time(now):
    text = run(now)
    line = text[text.index("curl -X POST") :]

    assert f"Bearer {printed(text, 'ingest key')}'" in line
    assert "http://127.0.0.1:8000/api/workbench/telemetry" in line
    assert "'\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"'" in line


def test_it_is_done_once(now):
    assert first_start.is_due()

    run(now)
    assert not first_start.is_due()


def test_with_demo_data_the_key_is_the_demos(now, monkeypatch):
    calls = []
    monkeypatch.setattr(first_start, "call_command", lambda name, **options: calls.append(name))

    key = keys.find_key(printed(run(now, demo=True), "ingest key"))

    assert (calls, key.environment_id, key.source) == (["load_demo"], "demo", "demo")


def test_a_first_start_that_was_interrupted_is_done_again(now, monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        first_start.run(demo=False, address="http://127.0.0.1:8000", now=now, out=Closed())
    assert (get_user_model().objects.count(), ApiKey.objects.count()) == (0, 0)
    assert first_start.is_due()
