"""No name that a client or a person chose becomes more than text in a mail or in a chat."""

import re
from email import message_from_bytes, policy
from typing import Any
from unittest.mock import patch

import pytest
from django.core import mail
from pytest_django import Settings

from telemetry.models import ApiKey, Notice, RejectionGroup
from telemetry.notices import channels
from telemetry.notices.expiry import tell
from telemetry.notices.rejections import RejectionKind, tell_of_new_kind
from telemetry.notices.sending import send_due
from tests.builders import NOW, make_key
from tests.injections.payloads import PAYLOADS
from tests.webhooks import webhook

pytestmark = pytest.mark.django_db

HEADERS = {
    "Content-Type",
    "Content-Transfer-Encoding",
    "MIME-Version",
    "Subject",
    "From",
    "To",
    "Date",
    "Message-ID",
    "Auto-Submitted",
}
ADDRESS = "ops@example.com"


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Each notice is a mail and a post of its own."""
    monkeypatch.setattr("telemetry.notices.sending.MOST_AT_ONCE", 1)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.NOTICE_EMAILS = [ADDRESS]


def tell_of_events() -> None:
    """A notice for each payload, which is the event's, the source's and the client's name."""
    for payload in PAYLOADS:
        kind = RejectionKind("production", payload, "unknown_event", payload)
        RejectionGroup.objects.create(
            **kind._asdict(), client=payload, events=1, first_seen_at=NOW, last_seen_at=NOW
        )
        tell_of_new_kind(kind, now=NOW)


def tell_of_keys() -> None:
    """A notice for each payload, which is the name of what uses a key, and of what uses its successor."""
    key = make_key(now=NOW)
    for number, payload in enumerate(PAYLOADS):
        named = ApiKey(pk=key.pk, prefix="wb_x", source=payload, environment_id="production", expires_at=NOW)
        named.successor = ApiKey(pk=key.pk, source=payload, environment_id="production")
        tell(named, subject=f"key {number}", now=NOW)


@pytest.mark.parametrize("tell_of", [tell_of_events, tell_of_keys])
def test_a_mail_has_its_own_headers_and_one_plain_part(one_at_a_time: None, tell_of: Any) -> None:
    tell_of()

    while send_due(now=NOW):
        pass

    messages = [message_from_bytes(sent.message().as_bytes(), policy=policy.default) for sent in mail.outbox]
    assert len(messages) == len(PAYLOADS) == Notice.objects.filter(mailed_at=NOW).count()
    assert {tuple(sent.recipients()) for sent in mail.outbox} == {(ADDRESS,)}
    assert {name for message in messages for name in message} == HEADERS
    assert {len(message.keys()) for message in messages} == {len(HEADERS)}
    assert {message.get_content_type() for message in messages} == {"text/plain"}


@pytest.mark.parametrize("tell_of", [tell_of_events, tell_of_keys])
def test_a_post_to_the_chat_has_no_markup_and_no_mention(settings: Settings, tell_of: Any) -> None:
    tell_of()
    notices = list(Notice.objects.order_by("pk"))

    with webhook() as chat:
        settings.SLACK_WEBHOOK_URL = chat.url
        with patch.object(channels, "MAX_NOTICES_SHOWN", len(notices)):
            channels.post_to_chat(notices)

    (post,) = chat.posts
    text = post.pop("text")
    assert post == channels.AS_PLAIN_TEXT
    assert "mrkdwn" in post
    assert re.search("[<>]|&(?!amp;|lt;|gt;)|@(?!\u200b)", text) is None
    # They are there all the same.
    assert "&lt;!channel&gt;" in text
    assert "@\u200bchannel" in text
