"""People at work: a session looks around, talks to the assistant and makes drafts."""

from datetime import datetime, timedelta

from kpis.demo.chat import TEMPLATES, talk
from kpis.demo.day import Day
from kpis.demo.drafts import make_draft
from kpis.demo.team import WORKING_HOURS, joins_at


def spend_user_day(day: Day, *, user: int) -> None:
    """A user's sessions of the day: on most weekdays, seldom at weekends."""
    is_weekend = day.date.weekday() >= 5
    activity = 0.07 if is_weekend else day.by_growth(start=0.66, end=0.8)
    if day.growth < joins_at(user) or not day.chance(activity):
        return
    for middle, spread in WORKING_HOURS:
        if day.chance(0.72):
            hour = min(max(day.random.gauss(middle, spread), 6.0), 20.0)
            spend_session(day, user=user, start=day.at(hour=hour))


def spend_session(day: Day, *, user: int, start: datetime) -> None:
    """A session: view templates, talk to the assistant, make drafts and run those that are accepted."""
    session = day.identifier("s")
    user_id = f"user-{user:02d}"
    referrer = day.random.choice((None, "https://intranet.example.com/tools", "https://portal.example.com/"))
    day.add("workbench.session_started", session=session, at=start, userId=user_id, referrer=referrer)
    now = browse_templates(day, session=session, now=start)
    now = talk(day, session=session, now=now, messages=day.random.randint(0, 2), draft=None)
    for _ in range(day.random.choices((0, 1, 2), weights=(25, 60, 15))[0]):
        now = make_draft(day, session=session, user=user, now=now)
    now += day.seconds(median=60, spread=0.5)
    if day.chance(0.85):
        length = (now - start) // timedelta(milliseconds=1)
        day.add("workbench.session_ended", session=session, at=now, durationMs=length, userId=user_id)


def browse_templates(day: Day, *, session: str, now: datetime) -> datetime:
    for _ in range(day.random.choices((0, 1, 3), weights=(50, 35, 15))[0]):
        now += day.seconds(median=25, spread=0.6)
        source = day.random.choice(("library", "library", "chat_suggestion", None))
        template = day.random.choice(TEMPLATES)
        day.add("workbench.template_viewed", session=session, at=now, templateId=template, source=source)
    return now
