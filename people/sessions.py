"""Sessions of people: ended by themselves, by an admin, and forgotten when they are over."""

from importlib import import_module

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction

from audit import trail
from audit.models import Verb


def end_sessions(*, user: User, keep: str = "") -> int:
    """End the person's sessions, except the one with the key `keep`. Returns how many ended. Safe to repeat."""
    sessions = UserSession.objects.filter(user=user).select_related("user").exclude(session_key=keep)
    return sum(end_session(session) for session in sessions)


def end_session(session: UserSession) -> int:
    """End a session, and note in the audit whose it was."""
    with transaction.atomic():
        trail.note(Verb.SESSION_ENDED, subject=session.user)
        session.end()
    return 1


def forget_ended() -> None:
    """Delete expired sessions, and the list entries of sessions that are gone. Safe to repeat."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
