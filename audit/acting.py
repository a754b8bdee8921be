"""Who acts at this moment: the person of the request, a key, a command or a task."""

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from celery import current_task
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponseBase

from web.peers import client_of
from web.request_ids import REQUEST_ID

REQUEST: ContextVar[HttpRequest | None] = ContextVar("audited_request", default=None)
NAME: ContextVar[str] = ContextVar("acting_name", default="")


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts. `user` is None for a command, a task, a key and somebody who is not signed in."""

    name: str
    user: AbstractBaseUser | None = None
    address: str | None = None


class AuditMiddleware:
    """Remembers the request. Who sent it is found out when something is noted, so that posts pay nothing for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        token = REQUEST.set(request)
        try:
            return self.get_response(request)
        finally:
            REQUEST.reset(token)


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Entries within are noted under this name, such as `key wb_admin_Ab12…`."""
    token = NAME.set(name)
    try:
        yield
    finally:
        NAME.reset(token)


def current_actor() -> Actor:
    """Who acts now, without a query where the request's user is known."""
    request = REQUEST.get()
    if request is None:
        return Actor(name=NAME.get() or process_name())
    client = client_of(request)
    address = str(client) if client else None
    user = getattr(request, "user", None)
    if NAME.get() or not isinstance(user, AbstractBaseUser):
        return Actor(name=NAME.get(), address=address)
    return Actor(name=user.get_username(), user=user, address=address)


def process_name() -> str:
    """The task that runs, else the command and who started it: `command prune (ops)`."""
    if current_task:
        return f"task {current_task.name}"
    program, *words = sys.argv or [""]
    is_manage = Path(program).name == "manage.py" and bool(words)
    return f"command {words[0] if is_manage else Path(program).name} ({os_user()})"


def os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user id needs no name.
        return str(os.getuid())


def request_id() -> str | None:
    """The id of the request, for django-auditlog (settings.AUDITLOG_CID_GETTER)."""
    return REQUEST_ID.get() or None
