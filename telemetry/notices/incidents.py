"""Opens and closes incidents. An open one is in the database once, whoever finds it and however often."""

from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, transaction

from telemetry.models import Notice, NoticeSeverity

MAX_TITLE_LENGTH = 300


def open_incident(
    *,
    topic: str,
    subject: str,
    title: str,
    text: str,
    now: datetime,
    environment: str = "",
    severity: str = NoticeSeverity.TICKET,
) -> bool:
    """Open an incident, so that people are told of it; returns whether it was not open yet.

    `topic` is what kind of incident it is (up to 32 characters), `subject` what it is about (up to 300), the same text
    each time. `title` is one line, `text` some sentences. Neither holds a payload, a secret or personal data: they
    leave the portal. `environment` is empty where the incident is of none alone; with `severity` it decides who is told
    (NoticeRoute). Safe to repeat: an open incident stays as it is, and is told once.
    """
    notice = Notice(
        topic=topic,
        subject=subject,
        title=" ".join(title.split())[:MAX_TITLE_LENGTH],
        text=text,
        environment=environment,
        severity=severity,
        opened_at=now,
        next_attempt_at=now,
    )
    try:
        # The unique key on open incidents decides between two processes.
        with transaction.atomic():
            notice.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def open_subjects(topic: str) -> set[str]:
    """The subjects of the topic's open incidents."""
    return set(Notice.objects.filter(topic=topic, closed_at=None).values_list("subject", flat=True))


def close_incidents(*, topic: str, subjects: Collection[str], now: datetime) -> int:
    """Close the topic's incidents of these subjects; returns how many were open. Safe to repeat."""
    return Notice.objects.filter(topic=topic, subject__in=subjects, closed_at=None).update(closed_at=now)


def end_incident(*, topic: str, subject: str, title: str, text: str, now: datetime) -> bool:
    """Close an incident and tell that it is over; returns whether it was open.

    Only channels that told of its beginning tell of its end. Safe to repeat.
    """
    with transaction.atomic():
        beginning = Notice.objects.filter(topic=topic, subject=subject, closed_at=None).first()
        # Of two processes one closes it.
        if beginning is None or not close_incidents(topic=topic, subjects=[subject], now=now):
            return False
        Notice.objects.create(
            topic=topic,
            subject=subject,
            title=" ".join(title.split())[:MAX_TITLE_LENGTH],
            text=text,
            environment=beginning.environment,
            severity=beginning.severity,
            opened_at=now,
            closed_at=now,
            next_attempt_at=now,
            ends=beginning,
        )
    return True
