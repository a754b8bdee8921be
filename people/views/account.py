"""The pages of one's own account: what is there, its sessions, its second factor, and passkeys at the sign-in."""

from typing import Any, cast

from allauth.account.views import PasswordResetView
from allauth.core.internal.ratelimit import consume_or_429
from allauth.mfa.base.views import IndexView
from allauth.mfa.webauthn.internal import auth
from allauth.mfa.webauthn.views import LoginWebAuthnView
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from people import mailing
from people.access import limit_of
from people.adapter import may_sign_in_locally
from people.roles import role_of
from people.second_factor import has_second_factor, is_missing
from people.sessions import end_session, end_sessions

# What somebody needs to sign in with a passkey. A session that came to nothing is over after this.
CEREMONY_SECONDS = 10 * 60


@require_safe
@login_required
def show_account(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    context = {
        "role": role_text(user),
        "limit": limit_of(user),
        "has_second_factor": has_second_factor(user),
        "sessions": UserSession.objects.filter(user=user).count(),
        "has_sign_on": SocialAccount.objects.filter(user=user).exists(),
        "sign_on_name": settings.OIDC_NAME,
    }
    return render(request, "people/account.html", context)


def role_text(user: User) -> str:
    """ "" for somebody without a role."""
    role = role_of(user)
    return _(role.label) if role else ""


class SecondFactorView(IndexView):
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "is_missing": is_missing(self.request.user)}


class SessionsView(ListUserSessionsView):
    """Ends the session that the form names, or all but this one."""

    def form_valid(self, form: Any) -> HttpResponse:
        request, chosen = self.request, self.request.POST.get("session", "")
        if not chosen:
            ended = end_sessions(user=request.user, keep=request.session.session_key or "")
        else:
            own = UserSession.objects.filter(user=request.user, pk=int(chosen)) if is_number(chosen) else []
            ended = sum(end_session(session) for session in own)
        messages.success(request, _("Sessions ended: %(count)s.") % {"count": ended})
        return redirect("usersessions_list")


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 18


class ResetRequestView(PasswordResetView):
    """Asks for a mail with a link. Without a mail server it says whom to ask instead."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "has_mail": mailing.is_configured()}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not mailing.is_configured():
            page: HttpResponse = self.get(request, *args, **kwargs)
            return page
        answer: HttpResponse = super().post(request, *args, **kwargs)
        return answer


class PasskeySignInView(LoginWebAuthnView):
    """GET gives the browser's script its challenge; POST takes the answer."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        refused: HttpResponse | None = consume_or_429(
            request, app="allauth.account", action="begin_passkey", limit_get=True
        )
        if refused is None:
            request.session.set_expiry(CEREMONY_SECONDS)
            refused = JsonResponse({"request_options": auth.begin_authentication(user=None)})
        return refused

    def form_invalid(self, form: Any) -> HttpResponse:
        return redirect("/login/?fault=passkey")


def needs_local_sign_in(view: Any) -> Any:
    """For people whose password the portal knows: the others have it at their provider."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and not may_sign_in_locally(request.user):
            sentence = _("You sign in through %(provider)s: your password is there.")
            messages.info(request, sentence % {"provider": settings.OIDC_NAME})
            return redirect("account")
        return cast(HttpResponseBase, view(request, *args, **kwargs))

    return guarded
