"""Celery tasks of the app."""

from celery import shared_task

from people.overview import visits
from people.sessions import forget_ended


@shared_task(name="people.forget_ended_sessions")
def forget_ended_sessions() -> None:
    forget_ended()


@shared_task(name="people.keep_visits")
def keep_visits() -> None:
    visits.keep_visits()
