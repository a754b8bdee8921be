"""Addresses of the pages of things, and facts that lead to them."""

from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from web.moments import rfc3339


class LinkedFact(NamedTuple):
    """A text with its name; `url` is "" where it leads nowhere."""

    name: str
    text: str
    url: str = ""


def session_url(session_id: str, *, environment: str, near: datetime | None = None) -> str:
    """The page of a session; `near` is a moment of it, for one that only raw events know."""
    return thing_url("session", session_id, environment=environment, near=rfc3339(near) if near else "")


def draft_url(draft_id: str, *, environment: str) -> str:
    return thing_url("draft", draft_id, environment=environment)


def approval_url(approval_id: str, *, environment: str) -> str:
    return thing_url("approval", approval_id, environment=environment)


def rejected_url(pk: int) -> str:
    """The page of a rejected event, for who may explore."""
    return reverse("plan-rejected", args=[pk])


def thing_url(name: str, thing_id: str, **query: str) -> str:
    """The page of that name; "" for an id that no path can hold: browsers leave . and .. out of a path."""
    if not thing_id or {".", ".."} & set(thing_id.split("/")):
        return ""
    try:
        path = reverse(name, args=[thing_id])
    except NoReverseMatch:
        return ""
    return f"{path}?{urlencode({key: value for key, value in query.items() if value})}"
