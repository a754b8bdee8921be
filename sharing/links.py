"""Shared links: made by people, revoked, and found by the token that whoever has one brings."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from audit import trail
from audit.models import Verb
from people.access import has_right, may_see
from people.invitations import TOKEN_BYTES, digest_of
from people.models import Right
from sharing.models import MOST_QUERY_CHARACTERS, LinkState, SharedLink, SharedPage, ShareKind
from telemetry.models import Environment

# A link that was made up is told from a real one without a query.
SIGNER = signing.Signer(salt="sharing.link", sep=".")
DEFAULT_DAYS = 30
MOST_DAYS = 365
# So that one person's list stays one that somebody reads.
MOST_OPEN_LINKS = 100
# How often the use of a link is written, and for how long the list shows one that is over.
USE_INTERVAL = timedelta(minutes=5)
SHOWN_AFTER_END = timedelta(days=30)
# After their end, rows are kept for so long; of those that are older a night deletes so many at a time.
KEPT_AFTER_END = timedelta(days=90)
MOST_FORGOTTEN = 1000


class LinkUnusable(LookupError):
    """There is no such link, it is over, or who made it may not see what it shows."""


class CannotShare(ValueError):
    """The person may not make this link; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a link shows: a page (`kpi` is "" but for a KPI's) and its state by the names of the URL."""

    page: SharedPage
    kpi: str
    environment: str
    state: Mapping[str, str]


def share(
    place: Place, *, kind: ShareKind, note: str, by: User, expires_at: datetime, now: datetime
) -> tuple[SharedLink, str]:
    """(link, its token). Raises CannotShare."""
    query = urlencode({name: value for name, value in place.state.items() if name != "environment"})
    check_may_share(place, query=query, kind=kind, by=by, expires_at=expires_at, now=now)
    token = SIGNER.sign(secrets.token_urlsafe(TOKEN_BYTES))
    link = SharedLink.objects.create(
        kind=kind,
        page=place.page,
        kpi=place.kpi,
        environment=place.environment,
        query=query,
        note=note,
        digest=digest_of(token),
        created_by=by,
        expires_at=expires_at,
    )
    return link, token


def check_may_share(
    place: Place, *, query: str, kind: ShareKind, by: User, expires_at: datetime, now: datetime
) -> None:
    """Raises CannotShare."""
    if not is_backed(by, environment=place.environment):
        raise CannotShare(_("You may not share pages of this environment."))
    if kind is ShareKind.CHART and place.page is not SharedPage.KPI:
        raise CannotShare(_("Only the chart of a KPI can stand alone."))
    if not now < expires_at <= now + timedelta(days=MOST_DAYS):
        raise CannotShare(_("A link ends after today, and within %(days)s days.") % {"days": MOST_DAYS})
    if len(query) > MOST_QUERY_CHARACTERS:
        raise CannotShare(_("The page's address is too long to be shared."))
    if open_links(now=now).filter(created_by=by).count() >= MOST_OPEN_LINKS:
        raise CannotShare(_("You have %(count)s open links. Revoke one first.") % {"count": MOST_OPEN_LINKS})


def is_backed(person: User | None, *, environment: str) -> bool:
    """Whether the person may show the environment's pages to others now; None: the account is gone."""
    return (
        person is not None
        and person.is_active
        and has_right(person, Right.VIEW_PAGES)
        and has_right(person, Right.SHARE_PAGES)
        and may_see(person, environment)
        and Environment.objects.filter(name=environment).exists()
    )


def find_link(token: str, *, kind: ShareKind, now: datetime) -> SharedLink:
    """The link of this token, while it is open and its maker may see what it shows. Raises LinkUnusable."""
    try:
        SIGNER.unsign(token)
    except signing.BadSignature:
        raise LinkUnusable from None
    rows = SharedLink.objects.select_related("created_by")
    link = rows.filter(digest=digest_of(token), kind=kind).first()
    if link is None or link.state_at(now) is not LinkState.OPEN:
        raise LinkUnusable
    if not is_backed(link.created_by, environment=link.environment):
        raise LinkUnusable
    return link


def note_use(link: SharedLink, *, now: datetime) -> None:
    """Remember that the link was used, unless that was noted a few minutes ago."""
    if link.last_used_at is None or link.last_used_at <= now - USE_INTERVAL:
        # Not saved: the audit would note each use as a change.
        SharedLink.objects.filter(pk=link.pk).update(last_used_at=now)


def open_links(*, now: datetime) -> QuerySet[SharedLink]:
    return SharedLink.objects.filter(revoked_at=None, expires_at__gt=now)


def links_of(person: User, *, now: datetime) -> list[SharedLink]:
    """The person's links, the newest first: those that are open, and those that ended lately."""
    since = now - SHOWN_AFTER_END
    lately = (Q(revoked_at=None) | Q(revoked_at__gt=since)) & Q(expires_at__gt=since)
    return list(SharedLink.objects.filter(lately, created_by=person).order_by("-pk")[: 2 * MOST_OPEN_LINKS])


@transaction.atomic
def revoke_link(link: SharedLink, *, now: datetime) -> bool:
    """Whether the link was not revoked before. Safe to repeat."""
    if not SharedLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=now):
        return False
    trail.note(Verb.CHANGED, subject=link, before_and_after={"revoked_at": (None, now)})
    return True


def forget_ended(*, now: datetime) -> int:
    """Delete links that ended or were revoked more than 90 days ago, some at a time; returns how many. Safe to repeat.

    The audit notes each, as it noted who made it.
    """
    # No index: people make links by hand, and a night reads the table once.
    before = now - KEPT_AFTER_END
    old = SharedLink.objects.filter(Q(expires_at__lt=before) | Q(revoked_at__lt=before)).order_by("pk")
    keys = list(old.values_list("pk", flat=True)[:MOST_FORGOTTEN])
    return SharedLink.objects.filter(pk__in=keys).delete()[0] if keys else 0
