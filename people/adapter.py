"""What the portal asks of django-allauth: who is counted, what is logged and mailed, and that nobody signs up."""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import ratelimit
from allauth.core.internal import ratelimit as counting
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from people import mailing
from people.hashing import HashingBusy
from web.peers import client_of

logger = logging.getLogger(__name__)

# Of a peer that has none: a Unix socket. The list of sessions stores it as an address.
NO_ADDRESS = "::"
# Pages show who is signed in; a message would wait for the next page of the admin.
SILENT = {"account/messages/logged_in.txt", "account/messages/logged_out.txt"}


class PortalAccountAdapter(DefaultAccountAdapter):
    """Counts wrong passwords by account and by address (settings.ACCOUNT_RATE_LIMITS).

    The name that was typed is in no log line: it may be a password in the wrong field.
    """

    _from_address: counting.RateLimitUsage | None = None

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        """One shape of answer, whatever headers a request has."""
        return False

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in SILENT:
            super().add_message(request, level, message_template, *args, **kwargs)

    def get_client_ip(self, request: HttpRequest) -> str:
        return str(client_of(request) or NO_ADDRESS)

    # Guessing ---------------------------------------------------------------------------------------------

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # allauth's own key contains the Host header, so a client could have a new limit for each port it names.
        return f"account:{credentials['username']}"

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """A new password leaves the counts as they are. allauth counts by mail address, the portal by name."""

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        # The address is counted apart: allauth forgets all of `login_failed` after a right second factor, so that
        # whoever has one could forget what was counted for their address.
        self._from_address = counting.consume(request, app="allauth.account", action="guesses_from_address")
        try:
            if not self._from_address:
                raise self.validation_error("too_many_login_attempts")
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            # A line for each refused guess would be a way to fill the disk.
            if ratelimit.consume(request, action="log_lock_out"):
                logger.warning("Sign-ins are locked out, also from %s", self.get_client_ip(request))
            raise

    def _rollback_login_failed_rl_usage(self) -> None:
        super()._rollback_login_failed_rl_usage()
        if self._from_address:
            self._from_address.rollback()

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        try:
            person: AbstractBaseUser | None = super().authenticate(request, **credentials)
        except HashingBusy:
            # Nothing was compared, so nothing is counted.
            self._rollback_login_failed_rl_usage()
            raise
        return person

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        logger.warning("A sign-in failed from %s", self.get_client_ip(request))

    # Signing in -------------------------------------------------------------------------------------------

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """While LOCAL_SIGN_IN is off, the provider alone lets people in. Superusers keep their own way."""
        is_from_provider = "sociallogin" in (kwargs.get("signal_kwargs") or {})
        if not is_from_provider and not may_sign_in_locally(user):
            return redirect(f"{reverse('login')}?fault=local_sign_in_off")
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        request.session.set_expiry(settings.SESSION_COOKIE_AGE)

    # Mail -------------------------------------------------------------------------------------------------

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        if mailing.is_configured():
            complete = {"request": self.request, "email": email, "host": self.request.get_host(), **context}
            mailing.send(self.render_mail(template_prefix, email, complete))

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """Nothing for people who sign in without a password: a link would give them one."""
        if user.has_usable_password() and may_sign_in_locally(user):
            super().send_password_reset_mail(user, email, context)


def may_sign_in_locally(user: AbstractBaseUser) -> bool:
    """Whether the person may come in by password or passkey, and not only through the provider."""
    return bool(settings.LOCAL_SIGN_IN or getattr(user, "is_superuser", False))
