"""The page that an invitation's link leads to."""

from typing import Any

from allauth.account.utils import perform_login
from allauth.core.internal.ratelimit import consume_or_429
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from people.forms import AcceptanceForm
from people.invitations import InvitationUnusable, accept_invitation, find_invitation
from people.models import Invitation, Role


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def show_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Makes the account that the invitation is for, and signs its person in."""
    refused: HttpResponse | None = consume_or_429(request, app="allauth.account", action="invitation")
    if refused is not None:
        return refused
    try:
        invitation = find_invitation(token, now=timezone.now())
        return answer_invitation(request, invitation)
    except InvitationUnusable:
        return render(request, "people/invitation_over.html", status=404)


def answer_invitation(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Raises InvitationUnusable if somebody else accepts it meanwhile."""
    form = AcceptanceForm(request.POST if request.method == "POST" else None, email=invitation.email)
    if not settings.LOCAL_SIGN_IN or not form.is_valid():
        return render(request, "people/invitation.html", context_of(invitation, form=form))
    with transaction.atomic():
        user: User = form.save()
        accept_invitation(invitation, user=user, now=timezone.now())
    answer: HttpResponse = perform_login(request, user)
    return answer


def context_of(invitation: Invitation, *, form: AcceptanceForm) -> dict[str, Any]:
    return {
        "invitation": invitation,
        "role": _(Role(invitation.role).label),
        "form": form if settings.LOCAL_SIGN_IN else None,
        "has_sign_on": bool(settings.OIDC_ISSUER),
        "sign_on_name": settings.OIDC_NAME,
    }
