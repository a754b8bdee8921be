"""Which channel takes which notice, and when; and who is told that an incident is over."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from pytest_django import Settings

from telemetry.models import Notice, NoticeRoute
from telemetry.notices import sending
from telemetry.notices.channels import NotSent
from telemetry.notices.incidents import end_incident, open_incident
from telemetry.notices.sending import send_due
from tests.builders import NOW

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
TOLD = {"topic": "test", "text": "Look at it."}


@pytest.fixture(autouse=True)
def posts(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Mail and chat are there; returns the titles that the chat was posted."""
    settings.NOTICE_EMAILS, settings.SLACK_WEBHOOK_URL = ["ops@example.com"], "https://chat.example.com"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    posted: list[str] = []
    monkeypatch.setattr(
        sending, "post_to_chat", lambda notices: posted.extend(notice.title for notice in notices)
    )
    return posted


def begin(subject: str = "s", *, at: datetime = NOW, **more: Any) -> None:
    open_incident(subject=subject, title=f"{subject} began", now=at, **TOLD | more)


def end(subject: str = "s", *, at: datetime) -> bool:
    return end_incident(subject=subject, title=f"{subject} is over", now=at, **TOLD)


def mails() -> list[str]:
    """The titles, without how much they matter."""
    subjects = [message.subject.removeprefix("[Workbench analytics] ") for message in outbox.outbox]
    return [subject.removeprefix("TICKET: ") for subject in subjects]


def route(channel: str = "chat", **fields: Any) -> NoticeRoute:
    return NoticeRoute.objects.create(channel=channel, **fields)


def waiting() -> int:
    return Notice.objects.filter(done_at=None).count()


def test_the_end_of_an_incident_is_told_once(posts: list[str]) -> None:
    begin()
    send_due(now=NOW)

    ends = [end(at=NOW + HOUR), end(at=NOW + 2 * HOUR)]
    for hours in (1, 2, 3):
        send_due(now=NOW + hours * HOUR)

    assert ends == [True, False]
    assert posts == mails() == ["s began", "s is over"]
    assert waiting() == 0


def test_what_is_over_before_it_was_told_is_not_told(posts: list[str]) -> None:
    begin()
    end(at=NOW)

    for minutes in range(3):
        send_due(now=NOW + minutes * MINUTE)

    assert (posts, mails(), waiting()) == ([], [], 0)


def test_only_the_channel_that_told_the_beginning_tells_the_end(
    posts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(notices: Any) -> None:
        raise NotSent("mail: OSError")

    with monkeypatch.context() as patch:
        patch.setattr(sending, "send_mail", refuse)
        begin()
        send_due(now=NOW)

    end(at=NOW + MINUTE)
    for minutes in range(1, 5):
        send_due(now=NOW + minutes * MINUTE)

    assert (posts, mails(), waiting()) == (["s began", "s is over"], [], 0)


def test_an_incident_that_comes_again_is_told_again(posts: list[str]) -> None:
    for hours in (0, 2):
        begin(at=NOW + hours * HOUR)
        send_due(now=NOW + hours * HOUR)
        end(at=NOW + (hours + 1) * HOUR)
        send_due(now=NOW + (hours + 1) * HOUR)

    assert posts == ["s began", "s is over"] * 2


def test_a_channel_is_closed_for_an_environment_or_a_severity(posts: list[str]) -> None:
    route("chat", environment="demo", is_told=False)
    route("mail", severity="ticket", is_told=False)
    begin("demo", environment="demo", severity="page")
    begin("low", environment="production")
    begin("high", environment="production", severity="page")

    send_due(now=NOW)

    assert posts == ["low began", "high began"]
    assert len(mails()) == 1
    assert "demo began\n" in outbox.outbox[0].body
    assert "low began" not in outbox.outbox[0].body
    assert waiting() == 0


@pytest.mark.parametrize(
    ("closed", "opened", "is_told"),
    [
        ({}, {"severity": "ticket"}, True),
        ({"severity": "ticket"}, {"environment": "production"}, True),
        ({"environment": "production"}, {"environment": "production", "severity": "ticket"}, True),
        ({"environment": "production"}, {"severity": "ticket"}, False),
        ({"environment": "staging"}, {}, True),
    ],
)
def test_the_most_specific_route_counts(
    closed: dict[str, str], opened: dict[str, str], is_told: bool, posts: list[str]
) -> None:
    route(**closed, is_told=False)
    route(**opened)
    begin(environment="production")

    send_due(now=NOW)

    assert bool(posts) is is_told


@pytest.mark.parametrize(
    ("first", "last", "moment", "is_quiet"),
    [
        (22, 7, time(21, 59, 59), False),
        (22, 7, time(22), True),
        (22, 7, time(0), True),
        (22, 7, time(6, 59, 59), True),
        (22, 7, time(7), False),
        (12, 13, time(11, 59, 59), False),
        (12, 13, time(12), True),
        (12, 13, time(13), False),
    ],
)
def test_quiet_hours_have_their_bounds(first: int, last: int, moment: time, is_quiet: bool) -> None:
    quiet = NoticeRoute(quiet_from=time(first), quiet_until=time(last))

    assert quiet.is_quiet_at(datetime.combine(NOW, moment)) is is_quiet


def test_notices_wait_for_the_end_of_quiet_hours_of_their_channel(
    posts: list[str], settings: Settings
) -> None:
    """They are hours of the reporting zone: NOW is 12:00 UTC, 13:00 in Berlin."""
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"
    route(quiet_from=time(13), quiet_until=time(15))
    begin()

    told = []
    for minutes in range(0, 125, 5):
        send_due(now=NOW + minutes * MINUTE)
        told.append(len(posts))

    assert told == [0] * 24 + [1]
    assert mails() == ["s began"]
    assert Notice.objects.get().attempts == 1


def test_what_is_over_by_the_end_of_quiet_hours_is_not_told_there(posts: list[str]) -> None:
    route(quiet_from=time(12), quiet_until=time(14))
    begin()
    send_due(now=NOW)
    end(at=NOW + HOUR)

    for minutes in range(60, 130, 5):
        send_due(now=NOW + minutes * MINUTE)

    assert (posts, mails(), waiting()) == ([], ["s began", "s is over"], 0)


def test_an_end_waits_for_the_end_of_quiet_hours(posts: list[str]) -> None:
    route(quiet_from=time(13), quiet_until=time(14))
    begin()
    send_due(now=NOW)
    end(at=NOW + HOUR)

    told = []
    for minutes in (60, 61, 119, 121):
        send_due(now=NOW + minutes * MINUTE)
        told.append(len(posts))

    assert told == [1, 1, 1, 2]
