"""Notices go out once, by a real mail server and a stand-in for a chat's webhook."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from config import mail
from telemetry.models import Notice
from telemetry.notices import sending
from telemetry.notices.channels import AS_PLAIN_TEXT
from telemetry.notices.incidents import close_incidents, open_incident
from telemetry.notices.sending import send_due
from tests.builders import NOW
from tests.telemetry.notices.receivers import MailBox, mail_server
from tests.webhooks import Chat, webhook

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[MailBox, Chat]]:
    with mail_server() as box, webhook() as chat:
        yield box, chat


@pytest.fixture
def box(servers: tuple[MailBox, Chat], settings: Settings) -> MailBox:
    box = servers[0]
    box.mails, box.refuses = [], False
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = mail.SMTP, "127.0.0.1", box.port
    settings.NOTICE_EMAILS = ["ops@example.com", "jo@example.com"]
    return box


@pytest.fixture
def chat(servers: tuple[MailBox, Chat], settings: Settings) -> Chat:
    chat = servers[1]
    chat.posts, chat.status = [], 200
    settings.SLACK_WEBHOOK_URL = chat.url
    return chat


def open_one(subject: str = "s", **texts: str) -> bool:
    defaults = {"title": "Something began", "text": "Look at it."}
    return open_incident(topic="test", subject=subject, now=NOW, **defaults | texts)


def notice() -> dict[str, Any]:
    return Notice.objects.values(
        "mailed_at", "posted_at", "done_at", "attempts", "next_attempt_at", "fault"
    ).get()


def test_a_notice_is_mailed_and_posted_once(box: MailBox, chat: Chat) -> None:
    open_one()

    assert [send_due(now=NOW + timedelta(hours=hours)) for hours in (0, 1, 2)] == [1, 0, 0]

    ((recipients, message),) = box.mails
    assert recipients == ["ops@example.com", "jo@example.com"]
    assert message["Subject"] == "[Workbench analytics] TICKET: Something began"
    assert message.get_content().splitlines() == ["TICKET: Something began", "Look at it."]
    assert chat.posts == [{"text": "TICKET: Something began\nLook at it.\n", **AS_PLAIN_TEXT}]
    assert (notice()["mailed_at"], notice()["posted_at"], notice()["done_at"]) == (NOW, NOW, NOW)


def test_a_page_is_told_as_one(chat: Chat) -> None:
    open_one(severity="page")

    send_due(now=NOW)

    assert chat.posts[0]["text"].startswith("PAGE: Something began")


def test_several_notices_are_one_message(box: MailBox, chat: Chat) -> None:
    for number in range(25):
        open_one(f"s-{number}", title=f"Incident {number}")

    send_due(now=NOW)

    ((_, message),) = box.mails
    assert message["Subject"] == "[Workbench analytics] TICKET: Incident 0, and 24 more"
    assert "There are 5 more" in message.get_content()
    assert len(chat.posts) == 1


def test_an_open_incident_is_told_once_and_again_when_it_comes_back(box: MailBox) -> None:
    assert [open_one(), open_one()] == [True, False]
    send_due(now=NOW)
    assert close_incidents(topic="test", subjects=["s", "other"], now=NOW) == 1

    assert open_one() is True
    send_due(now=NOW)

    assert len(box.mails) == 2


def test_a_channel_that_fails_is_tried_again_and_the_other_one_is_not(box: MailBox, chat: Chat) -> None:
    open_one()
    box.refuses = True
    send_due(now=NOW)
    failed = notice()
    box.refuses = False

    before, after = send_due(now=NOW + timedelta(seconds=59)), send_due(now=NOW + timedelta(seconds=60))

    assert (failed["fault"], failed["done_at"], failed["posted_at"]) == ("mail: SMTPDataError", None, NOW)
    assert (before, after, len(box.mails), len(chat.posts)) == (0, 1, 1, 1)
    assert notice()["fault"] == ""


@pytest.mark.parametrize("status", [302, 307, 400, 404, 500])
def test_a_webhook_that_answers_otherwise_is_not_followed_but_tried_again(status: int, chat: Chat) -> None:
    open_one()
    chat.status = status

    send_due(now=NOW)

    assert (len(chat.posts), notice()["fault"], notice()["posted_at"]) == (
        1,
        f"chat: HTTPError {status}",
        None,
    )


@pytest.mark.parametrize("name", ["box", "chat"])
def test_a_server_that_is_away_is_a_fault_that_names_no_address(
    name: str, request: pytest.FixtureRequest, settings: Settings
) -> None:
    request.getfixturevalue(name)
    settings.EMAIL_PORT, settings.SLACK_WEBHOOK_URL = 1, "http://127.0.0.1:1/secret" if name == "chat" else ""
    open_one()

    send_due(now=NOW)

    assert notice()["fault"] in {"mail: ConnectionRefusedError", "chat: URLError"}


def test_the_waits_grow_to_an_hour() -> None:
    waits = [sending.wait_after(attempts) // timedelta(minutes=1) for attempts in (1, 2, 3, 7, 100)]

    assert waits == [1, 2, 4, 60, 60]


def test_after_three_days_a_notice_is_given_up(box: MailBox) -> None:
    open_one()
    box.refuses = True

    assert [send_due(now=NOW + timedelta(days=days)) for days in (2, 3, 4)] == [0, 1, 0]
    assert notice()["fault"] == "mail: SMTPDataError"


def test_what_a_killed_process_claimed_is_sent_once_its_claim_is_over(
    box: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_one()

    def die(*arguments: object, **options: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sending, "send_by", die)
        with pytest.raises(KeyboardInterrupt):
            send_due(now=NOW)

    early, due = send_due(now=NOW + timedelta(minutes=9)), send_due(now=NOW + timedelta(minutes=10))

    assert (early, due, len(box.mails)) == (0, 1, 1)


def test_a_process_that_dies_after_it_sent_by_one_channel_does_not_send_by_it_again(
    box: MailBox, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_one()

    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sending, "post_to_chat", die)
        with pytest.raises(KeyboardInterrupt):
            send_due(now=NOW)
    send_due(now=NOW + timedelta(minutes=10))

    assert (len(box.mails), len(chat.posts)) == (1, 1)


def test_a_claim_keeps_others_away() -> None:
    open_one()

    first, second = sending.claim(now=NOW), sending.claim(now=NOW)

    assert ([len(first), len(second)]) == [1, 0]


def test_without_a_channel_a_notice_is_kept_and_done(settings: Settings) -> None:
    open_one()

    assert send_due(now=NOW) == 1
    assert notice()["mailed_at"] is None


def test_no_text_becomes_a_header_a_link_or_a_mention(box: MailBox, chat: Chat) -> None:
    open_one(title="A\r\nBcc: eve@example.com", text="<!channel> <https://evil.example|here> & more")

    send_due(now=NOW)

    ((recipients, message),) = box.mails
    assert (len(recipients), message["Bcc"]) == (2, None)
    assert "&lt;!channel&gt; &lt;https://evil.example|here&gt; &amp; more" in chat.posts[0]["text"]
