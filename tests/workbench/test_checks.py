from typing import Any

import pytest

from tests.workbench.retries.builders import OLD_SECRET, SECRET
from workbench import checks

URL = "https://workbench.example/retry"


@pytest.mark.parametrize(
    ("url", "secret", "old_secret", "expected"),
    [
        ("", "", "", []),
        (URL, SECRET, "", []),
        (URL, SECRET, OLD_SECRET, []),
        ("http://workbench:8000/retry", SECRET, "", []),
        ("http://10.0.0.1/retry", SECRET, "", []),
        ("http://93.184.216.34/retry", SECRET, "", ["workbench.E001"]),
        ("https://169.254.169.254/retry", SECRET, "", ["workbench.E001"]),
        ("https://me:secret@workbench.example/", SECRET, "", ["workbench.E001"]),
        (URL, "", "", ["workbench.E002"]),
        ("", "", OLD_SECRET, ["workbench.E002"]),
        (URL, "hunter2", "", ["workbench.E003"]),
        (URL, SECRET, "hunter2", ["workbench.E003"]),
    ],
)
def test_settings_that_cannot_work_stop_the_start(
    settings: Any, url: str, secret: str, old_secret: str, expected: list[str]
) -> None:
    settings.RETRY_WEBHOOK_URL, settings.RETRY_WEBHOOK_SECRET = url, secret
    settings.RETRY_WEBHOOK_OLD_SECRET = old_secret

    found = [
        *checks.check_webhook_url(None),
        *checks.check_webhook_is_signed(None),
        *checks.check_webhook_secrets(None),
    ]

    assert [message.id for message in found] == expected
    assert not any(text in message.msg for message in found for text in ("hunter2", "me:secret", SECRET))
