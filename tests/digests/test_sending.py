"""Digests are sent once, by a real mail server and to a stand-in for Slack."""

import smtplib
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connections
from pytest_django import Settings

from config import mail
from digests import handover, sending
from digests.models import DigestSending, DigestState, DigestSubscription
from digests.queue import (
    CLAIM,
    CUT_SHORT,
    KEPT,
    LIFE,
    Overtaken,
    begin_handing_over,
    claim,
    end_cut_short,
    enter_asked,
    forget_old,
    open_due,
)
from digests.sending import (
    GIVEN_UP,
    NO_ADDRESS,
    NO_ENVIRONMENT,
    NO_MAIL_SERVER,
    NO_WEBHOOK,
    NOT_ACTIVE,
    NOT_ALLOWED,
    send_due,
    send_next,
)
from digests.subscriptions import save_subscription, unsubscribe
from people.access import set_limit
from people.models import Role
from people.roles import give_role
from tests.builders import NOW
from tests.digests.builders import MONDAY, make_subscriber, states, subscribe
from tests.kpis.builders import make_environment
from tests.telemetry.notices.receivers import MailBox, mail_server
from tests.webhooks import Chat, webhook

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
OCCASION = "weekly 2026-02-09"
SUBJECT = "Weekly digest, 9 to 15 Feb 2026: nothing changed beyond noise"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[MailBox, Chat]]:
    with mail_server() as box, webhook() as chat:
        yield box, chat


@pytest.fixture(autouse=True)
def box(servers: tuple[MailBox, Chat], settings: Settings) -> MailBox:
    box = servers[0]
    box.mails, box.refuses = [], False
    settings.EMAIL_URL = f"smtp://127.0.0.1:{box.port}"
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = mail.SMTP, "127.0.0.1", box.port
    return box


@pytest.fixture
def chat(servers: tuple[MailBox, Chat], settings: Settings) -> Chat:
    chat = servers[1]
    chat.posts, chat.status = [], 200
    settings.DIGEST_CHAT_HOSTS = [urlsplit(chat.url).netloc]
    return chat


@pytest.fixture(autouse=True)
def production() -> None:
    make_environment(computed_until=MONDAY + timedelta(days=400))


def row() -> DigestSending:
    return DigestSending.objects.get()


def test_a_digest_is_mailed_and_posted_once(box: MailBox, chat: Chat) -> None:
    subscribe(webhook=f"{chat.url}/T/B/x")

    attempts = [send_due(now=MONDAY + minutes * MINUTE) for minutes in (-1, 0, 1, 60)]

    assert attempts == [0, 2, 0, 0]
    ((recipients, message),) = box.mails
    assert recipients == ["ada@example.com"]
    assert message["Subject"] == SUBJECT
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    (post,) = chat.posts
    assert post["text"] == SUBJECT
    assert states() == [(OCCASION, "chat", "sent"), (OCCASION, "mail", "sent")]


def test_a_click_in_the_mail_program_ends_it(box: MailBox) -> None:
    subscribe()

    send_due(now=MONDAY)

    ((_, message),) = box.mails
    assert message["List-Unsubscribe"].strip().startswith("<https://portal.example.com/digests/unsubscribe/")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_without_https_mail_programs_show_no_button_of_their_own(box: MailBox) -> None:
    subscribe(origin="http://portal.example.com")

    send_due(now=MONDAY)

    ((_, message),) = box.mails
    assert message["List-Unsubscribe"].strip().startswith("<http://portal.example.com/digests/unsubscribe/")
    assert message["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize(
    ("zone", "changes", "around"),
    [
        ("Europe/Berlin", "2026-03-29", ["07:00 27", "07:00 28", "06:00 29", "06:00 30"]),
        ("America/Los_Angeles", "2026-11-01", ["15:00 29", "15:00 30", "15:00 31", "16:00 1"]),
        ("Australia/Sydney", "2026-04-05", ["21:00 2", "21:00 3", "22:00 4", "22:00 5"]),
    ],
)
def test_a_person_gets_a_mail_a_day_at_eight_across_a_clock_change(
    box: MailBox, zone: str, changes: str, around: list[str]
) -> None:
    began_at = datetime.fromisoformat(f"{changes}T12:00:00+00:00") - timedelta(days=3)
    subscribe(frequency="daily", time_zone=zone, now=began_at)

    arrived = []
    for quarters in range(4 * 24 * 4):
        now = began_at + quarters * 15 * MINUTE
        if send_due(now=now):
            arrived.append(f"{now:%H:%M} {now.day}")

    assert arrived == around
    assert len(box.mails) == 4
    assert len({message["Message-ID"] for _, message in box.mails}) == 4


def test_changed_settings_do_not_send_the_same_days_again(box: MailBox) -> None:
    subscription = subscribe()
    send_due(now=MONDAY)

    subscription.hour = 10
    save_subscription(subscription, now=MONDAY + 60 * MINUTE)
    send_due(now=MONDAY + 120 * MINUTE)

    assert len(box.mails) == 1


def test_of_several_that_were_missed_the_newest_is_sent(box: MailBox) -> None:
    subscribe(frequency="daily")

    send_due(now=MONDAY + timedelta(days=3))

    assert states() == [("daily 2026-02-18", "mail", "sent")]
    assert DigestSubscription.objects.get().next_due_at == MONDAY + timedelta(days=4)


def test_a_mail_server_that_says_later_is_asked_again(box: MailBox) -> None:
    subscribe()
    box.refuses = True
    send_due(now=MONDAY)
    assert (row().state, row().fault) == (DigestState.PENDING, "mail: SMTPDataError")

    box.refuses = False
    waits = [send_due(now=MONDAY + seconds * timedelta(seconds=1)) for seconds in (30, 90)]

    assert (waits, len(box.mails), row().state) == ([0, 1], 1, DigestState.SENT)


def test_a_mail_server_that_is_away_is_asked_for_a_day(settings: Settings) -> None:
    subscribe()
    settings.EMAIL_PORT = 1

    for now in (MONDAY, MONDAY + 2 * MINUTE, MONDAY + LIFE - MINUTE):
        send_due(now=now)
        assert (row().state, row().fault) == (DigestState.PENDING, "mail: ConnectionRefusedError")
    send_due(now=MONDAY + LIFE + 60 * MINUTE)

    assert (row().state, row().fault) == (DigestState.FAILED, "mail: ConnectionRefusedError")


def test_one_that_cannot_be_written_stops_no_other_and_ends_after_a_day(
    box: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, _ = subscribe(), subscribe(make_subscriber("ben"))
    letter_of = sending.letter_of

    def break_off(row: DigestSending, *, now: datetime) -> Any:
        if row.subscription_id == broken.pk:
            raise RuntimeError("a fault of the portal")
        return letter_of(row, now=now)

    monkeypatch.setattr(sending, "letter_of", break_off)
    with pytest.raises(RuntimeError):
        send_due(now=MONDAY)
    send_due(now=MONDAY + MINUTE)
    assert [recipients for recipients, _ in box.mails] == [["ben@example.com"]]

    send_due(now=MONDAY + LIFE)
    assert DigestSending.objects.get(subscription=broken).fault == GIVEN_UP


def test_a_connection_that_breaks_while_the_mail_is_sent_is_not_tried_again(
    box: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe()

    def break_off(self: Any, message: Any) -> Any:
        raise smtplib.SMTPServerDisconnected

    with monkeypatch.context() as patch:
        patch.setattr(smtplib.SMTP, "data", break_off)
        send_due(now=MONDAY)
    send_due(now=MONDAY + timedelta(hours=2))

    assert (row().state, row().fault, box.mails) == (
        DigestState.UNSURE,
        "mail: SMTPServerDisconnected",
        [],
    )


@pytest.mark.parametrize(
    ("codes", "is_final"),
    [([550], True), ([450], False), ([550, 450], False)],
)
def test_a_refusal_is_final_from_500_on(codes: list[int], is_final: bool) -> None:
    refused = {f"{number}@example.com": (code, b"no") for number, code in enumerate(codes)}

    assert handover.is_refused_for_good(smtplib.SMTPRecipientsRefused(refused)) is is_final


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, DigestState.SENT),
        (302, DigestState.FAILED),
        (404, DigestState.FAILED),
        (429, DigestState.PENDING),
        (500, DigestState.UNSURE),
        (503, DigestState.PENDING),
    ],
)
def test_what_a_chat_answers_decides(chat: Chat, status: int, state: DigestState) -> None:
    subscribe(by_mail=False, webhook=f"{chat.url}/T/B/x")
    chat.status = status

    send_due(now=MONDAY)

    assert (row().state, len(chat.posts)) == (state, 1)


def test_a_host_that_the_operator_took_off_the_list_gets_nothing(chat: Chat, settings: Settings) -> None:
    subscribe(by_mail=False, webhook=f"{chat.url}/T/B/x")
    settings.DIGEST_CHAT_HOSTS = ["hooks.slack.com"]

    send_due(now=MONDAY)

    assert (row().state, row().fault, chat.posts) == (DigestState.FAILED, NO_WEBHOOK, [])


def test_nothing_is_posted_after_the_secret_key_changed(chat: Chat, settings: Settings) -> None:
    subscribe(by_mail=False, webhook=f"{chat.url}/T/B/x")
    settings.SECRET_KEY = "changed"

    send_due(now=MONDAY)

    assert (row().fault, chat.posts) == (NO_WEBHOOK, [])


# A digest waits, and then something changes.
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("closed", NOT_ALLOWED),
        ("viewer", NOT_ALLOWED),
        ("unsubscribed", NOT_ACTIVE),
        ("limited", NO_ENVIRONMENT),
        ("no address", NO_ADDRESS),
        ("no server", NO_MAIL_SERVER),
    ],
)
def test_who_may_not_get_it_any_more_gets_none(
    box: MailBox, settings: Settings, change: str, fault: str
) -> None:
    subscription = subscribe(environments=["production"])
    user = subscription.user
    open_due(now=MONDAY)

    if change == "closed":
        user.is_active = False
    elif change == "viewer":
        give_role(user=user, role=Role.VIEWER)
    elif change == "unsubscribed":
        unsubscribe(subscription)
    elif change == "limited":
        set_limit(user=user, environments=["staging"])
    elif change == "no address":
        user.email = ""
    else:
        settings.EMAIL_URL = ""
    user.save()
    send_due(now=MONDAY)

    assert (row().state, row().fault, box.mails) == (DigestState.FAILED, fault, [])


def test_an_environment_that_is_closed_to_the_person_is_left_out(box: MailBox) -> None:
    make_environment("staging", computed_until=MONDAY)
    subscribe(make_subscriber(environments=["staging"]))

    send_due(now=MONDAY)

    ((_, message),) = box.mails
    text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "staging" in text
    assert "production" not in text


def test_one_that_is_asked_for_is_sent_without_a_subscription_in_force(box: MailBox) -> None:
    subscription = subscribe(is_active=False)

    for seconds in (0, 20, 70):
        enter_asked(subscription, now=NOW + timedelta(seconds=seconds))
    send_due(now=NOW + timedelta(seconds=80))

    # Two clicks in one minute are one.
    assert states() == [
        ("asked 2026-02-15T12:00", "mail", "sent"),
        ("asked 2026-02-15T12:01", "mail", "sent"),
    ]


def test_a_digest_waits_an_hour_for_the_rollup(box: MailBox) -> None:
    make_environment("staging", computed_until=MONDAY.replace(hour=0) - MINUTE)
    subscribe(environments=["staging"])

    counts = []
    for minutes in (0, 59, 60, 61):
        send_due(now=MONDAY + minutes * MINUTE)
        counts.append(len(box.mails))

    assert counts[0] == counts[1] == 0
    assert counts[-1] == 1
    text = box.mails[0][1].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Computed until 15 Feb 2026, 23:59" in text


# Crashes: what is killed at every statement stands in tests/crash.


def test_a_process_that_died_before_it_handed_over_is_followed_by_another(box: MailBox) -> None:
    subscribe()
    open_due(now=MONDAY)
    claim(now=MONDAY)

    attempts = [send_next(now=MONDAY + CLAIM - MINUTE), send_next(now=MONDAY + CLAIM)]

    assert (attempts, len(box.mails), row().state) == ([False, True], 1, DigestState.SENT)


def test_a_process_that_died_while_it_handed_over_is_followed_by_none(box: MailBox) -> None:
    subscribe()
    open_due(now=MONDAY)
    claimed = claim(now=MONDAY)
    assert claimed is not None
    begin_handing_over(claimed)

    assert [end_cut_short(now=MONDAY + CLAIM - MINUTE), end_cut_short(now=MONDAY + CLAIM)] == [0, 1]
    send_due(now=MONDAY + 2 * CLAIM)

    assert (row().state, row().fault, box.mails) == (DigestState.UNSURE, CUT_SHORT, [])


def test_of_two_processes_that_both_think_they_have_it_one_hands_it_over() -> None:
    subscribe()
    open_due(now=MONDAY)
    slow, quick = claim(now=MONDAY), claim(now=MONDAY + CLAIM)
    assert slow is not None
    assert quick is not None

    begin_handing_over(quick)
    with pytest.raises(Overtaken):
        begin_handing_over(slow)


def test_a_sending_is_forgotten_after_ninety_days() -> None:
    subscribe()
    open_due(now=MONDAY)

    assert [forget_old(now=MONDAY + KEPT), forget_old(now=MONDAY + KEPT + MINUTE)] == [0, 1]


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_a_digest_once(box: MailBox) -> None:
    make_environment("staging", computed_until=MONDAY)
    for name in ("ada", "ben", "cem"):
        subscribe(make_subscriber(name))

    def work() -> None:
        try:
            sending.send_due(now=MONDAY)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(recipients[0] for recipients, _ in box.mails) == [
        "ada@example.com",
        "ben@example.com",
        "cem@example.com",
    ]
