"""Invitations: links with which one account is made, once. Only a link's hash is stored."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction

from audit import trail
from audit.models import Verb
from people.access import set_limit
from people.models import Invitation, InvitationState, Role
from people.roles import give_role

# A link that was made up is told from a real one without a query.
SIGNER = signing.Signer(salt="people.invitation", sep=".")
TOKEN_BYTES = 24


class InvitationUnusable(LookupError):
    """There is no such invitation, or it was accepted or revoked, or it has expired."""


def invite(
    *,
    email: str,
    role: Role,
    environments: Iterable[str] | None,
    by: User | None,
    lasts: timedelta,
    now: datetime,
) -> tuple[Invitation, str]:
    """(invitation, token of its link). The account will be limited to the environments; None: no limit."""
    token = SIGNER.sign(secrets.token_urlsafe(TOKEN_BYTES))
    invitation = Invitation.objects.create(
        email=email.lower(),
        role=role,
        environments=None if environments is None else sorted(set(environments)),
        digest=digest_of(token),
        created_by=by,
        expires_at=now + lasts,
    )
    return invitation, token


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def find_invitation(token: str, *, now: datetime) -> Invitation:
    """The open invitation that the link's token belongs to. Raises InvitationUnusable."""
    try:
        SIGNER.unsign(token)
    except signing.BadSignature:
        raise InvitationUnusable from None
    invitation = Invitation.objects.filter(digest=digest_of(token)).first()
    if invitation is None or invitation.state_at(now) is not InvitationState.OPEN:
        raise InvitationUnusable
    return invitation


def invitation_for(email: str, *, now: datetime) -> Invitation | None:
    """The newest open invitation of the mail address."""
    open_now = Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=now)
    return open_now.filter(email=email.lower()).order_by("-pk").first() if email else None


@transaction.atomic
def accept_invitation(invitation: Invitation, *, user: User, now: datetime) -> None:
    """Give the account the invitation's role and environments. Raises InvitationUnusable if somebody was first."""
    open_now = Invitation.objects.filter(
        pk=invitation.pk, accepted_at=None, revoked_at=None, expires_at__gt=now
    )
    if not open_now.update(accepted_at=now, accepted_by=user):
        raise InvitationUnusable
    trail.note(Verb.CHANGED, subject=invitation, before_and_after={"accepted_at": (None, now)})
    give_role(user=user, role=Role(invitation.role))
    set_limit(user=user, environments=invitation.environments)


@transaction.atomic
def revoke_invitation(invitation: Invitation, *, now: datetime) -> bool:
    """Whether the invitation was open and is no more. Safe to repeat."""
    is_open = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None)
    if not is_open.update(revoked_at=now):
        return False
    trail.note(Verb.CHANGED, subject=invitation, before_and_after={"revoked_at": (None, now)})
    return True
