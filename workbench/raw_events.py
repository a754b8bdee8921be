"""Raw events by session, and those that only the event counts know: what two partial indexes find of them.

An index of all raw events by session would cost each of them. Events of agents and of app servers, which are most of a
large environment's, are in neither index. An index of all events by session took about 5 % of an insert on PostgreSQL;
raw_event_session is a part of it, and was not measured alone. raw_event_counted took 1 %.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL

from telemetry.models import RawEvent

# The conditions of the indexes. SQLite uses a partial index only where its condition stands literally.
OF_SESSIONS = "substr(event, 1, 10) = 'workbench.'"
ONLY_COUNTED = "event IN ('workbench.chat_message_sent', 'workbench.template_suggested', 'workflow.created')"


def days_of(start: datetime, end: datetime) -> tuple[date, date]:
    """The days, both included, under which events of these moments can be stored: PostgreSQL's partitions.

    A corrected clock moved a moment by two days at most to a later one, and by the late window to an earlier one.
    """
    later = timedelta(days=settings.LATE_WINDOW_DAYS + 2)
    return start.date() - timedelta(days=2), (end + later).date()


def events_of_sessions(
    session_ids: Iterable[str], *, environment: str, days: tuple[date, date]
) -> QuerySet[RawEvent]:
    """The workbench's events of sessions that are stored under these days, both included; in no order.

    Index: raw_event_session (session_id, occurred_at), of each of the days: planning 35 of them takes PostgreSQL
    about 5 ms, and 400 take it 100.
    """
    is_indexed = RawSQL(OF_SESSIONS, [], output_field=BooleanField())
    return RawEvent.objects.filter(
        is_indexed, session_id__in=list(session_ids), environment=environment, day__range=days
    )
