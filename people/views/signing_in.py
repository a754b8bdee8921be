"""Signing in. There is one form, and the admin's own address leads to it."""

from http import HTTPStatus
from typing import Any

from allauth.account.views import LoginView
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse

from people.forms import SignInForm
from people.single_sign_on.provider import FAULTS
from people.views.refusals import NO_COUNT
from web.errors import RETRY_AFTER_SECONDS
from web.languages import lazy_text

LOCKED_OUT = "too_many_login_attempts"
SIGN_IN_FAULTS = {**FAULTS, "passkey": lazy_text("The passkey was not accepted.")}


class SignInView(LoginView):
    form_class = SignInForm
    template_name = "people/sign_in.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        except NO_COUNT:
            # Without a count of wrong passwords nobody may try one.
            return self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, seconds=RETRY_AFTER_SECONDS)
        return answer

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        if form.has_error("__all__", LOCKED_OUT):
            return self.refuse(HTTPStatus.TOO_MANY_REQUESTS, seconds=settings.SIGN_IN_LOCK_OUT_SECONDS)
        answer: HttpResponse = super().form_invalid(form)
        return answer

    def refuse(self, status: HTTPStatus, *, seconds: int) -> HttpResponse:
        """The page without what was typed, and with a sentence on why nobody was signed in."""
        context = {"refused": status.name.lower(), "minutes": seconds // 60, **self.ways_in()}
        headers = {"Retry-After": str(seconds)}
        return TemplateResponse(
            self.request, self.template_name, context, status=status.value, headers=headers
        )

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), **self.ways_in()}

    def ways_in(self) -> dict[str, Any]:
        """What the page offers besides a password, and why another way was closed."""
        return {
            "next": self.next_path(),
            "fault": SIGN_IN_FAULTS.get(self.request.GET.get("fault", "")),
            "has_sign_on": bool(settings.OIDC_ISSUER),
            "sign_on_name": settings.OIDC_NAME,
            "has_local_sign_in": settings.LOCAL_SIGN_IN,
        }

    def next_path(self) -> str:
        return str(self.request.POST.get("next") or self.request.GET.get("next", ""))


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Leads to the portal's sign-in and back. Raises PermissionDenied for people who are signed in and not staff."""
    if request.user.is_authenticated and not admin.site.has_permission(request):
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))
