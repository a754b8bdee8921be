"""Second factors: how their secrets are stored, and of whom they are required."""

import base64
import secrets
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from audit import trail
from audit.models import Verb
from people.sealing import Unreadable, seal, unseal
from web.api_paths import is_api
from web.errors import error_response

# What people without a required second factor may open: setting it up, proving who they are, leaving, also a mail.
OPEN_PAGES = {
    "login", "logout", "favicon", "healthz", "readyz", "digest-unsubscribe",
    "mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "mfa_view_recovery_codes",
    "account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn",
}  # fmt: skip
# What secrets are sealed for.
PURPOSE = "people.second_factor"


class PortalMFAAdapter(DefaultMFAAdapter):
    """Encrypts the secrets of second factors, so that a copy of the database signs nobody in."""

    def get_totp_issuer(self) -> str:
        return f"Workbench analytics ({self._get_site_name()})"

    def encrypt(self, text: str) -> str:
        return seal(text, purpose=PURPOSE)

    def decrypt(self, encrypted_text: str) -> str:
        """The text; after SECRET_KEY was changed one that nothing matches, so that an admin has to remove it."""
        try:
            return unseal(encrypted_text, purpose=PURPOSE)
        except Unreadable:
            return base64.b32encode(secrets.token_bytes(20)).decode()


def has_second_factor(user: User) -> bool:
    """Whether the person has an authenticator app or a passkey. Recovery codes alone are none."""
    factors = Authenticator.objects.filter(user=user)
    return bool(factors.exclude(type=Authenticator.Type.RECOVERY_CODES).exists())


def is_required_of(user: User | AnonymousUser) -> bool:
    """Whether REQUIRE_SECOND_FACTOR speaks of the person."""
    if settings.REQUIRE_SECOND_FACTOR == "none" or user.is_anonymous:
        return False
    return settings.REQUIRE_SECOND_FACTOR == "all" or user.is_staff or user.is_superuser


def is_missing(user: User | AnonymousUser) -> bool:
    """Whether the person needs a second factor and has none. No query where none is required."""
    return is_required_of(user) and not has_second_factor(cast(User, user))


def remove_second_factors(user: User) -> int:
    """Remove the person's authenticator app, passkeys and recovery codes. Returns how many. Safe to repeat."""
    with transaction.atomic():
        removed: int = Authenticator.objects.filter(user=user).delete()[0]
        if removed:
            trail.note(Verb.FACTOR_REMOVED, subject=user, details={"removed": removed})
    return removed


class SecondFactorMiddleware:
    """Leads people who need a second factor to the page where they set it up, from wherever they go."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponseBase],
        args: list[Any],
        kwargs: dict[str, Any],
    ) -> HttpResponse | None:
        page = request.resolver_match.view_name if request.resolver_match else ""
        if settings.REQUIRE_SECOND_FACTOR == "none" or page in OPEN_PAGES or not is_missing(request.user):
            return None
        if not is_api(request):
            return redirect("mfa_index")
        return error_response(
            status=HTTPStatus.FORBIDDEN,
            code="second_factor_required",
            message="Your account needs a second factor. Set it up in the portal.",
        )
