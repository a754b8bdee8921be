"""Finds the keys that expire soon and have nobody to take their place."""

from datetime import datetime, timedelta

from telemetry.keys import expiring_keys
from telemetry.models import ApiKey
from telemetry.notices.incidents import close_incidents, open_incident, open_subjects

EXPIRY = "key expiry"
# Somebody who rotated a key knows that it ends. So late they forgot to use the new one.
LAST_CALL = timedelta(days=2)


def find_expiring_keys(*, now: datetime) -> None:
    """Open an incident for each key that expires within 14 days, and close those that do not any more.

    A key that has a successor which is not in use yet is told two days before it ends. Safe to repeat.
    """
    expiring = {subject_of(key): key for key in expiring_keys(now=now) if is_news(key, now=now)}
    known = open_subjects(EXPIRY)
    for subject, key in expiring.items():
        if subject not in known:
            tell(key, subject=subject, now=now)
    close_incidents(topic=EXPIRY, subjects=known - expiring.keys(), now=now)


def is_news(key: ApiKey, *, now: datetime) -> bool:
    ends_soon = key.expires_at is not None and key.expires_at <= now + LAST_CALL
    return key.successor_id is None or ends_soon


def subject_of(key: ApiKey) -> str:
    return f"key {key.pk} at {key.expires_at:%Y-%m-%d %H:%M}"


def tell(key: ApiKey, *, subject: str, now: datetime) -> None:
    advice = "Rotate it: in the admin on its page, or with manage.py rotate_key."
    if key.successor is not None:
        advice = f"Its successor {key.successor} was never used: give it to the application."
    open_incident(
        topic=EXPIRY,
        subject=subject,
        title=f"The key {key} expires on {key.expires_at:%Y-%m-%d at %H:%M} UTC",
        text=f"What uses it is answered 403 from then on. {advice}",
        environment=key.environment_id,
        now=now,
    )
