"""What the portal asks of django-allauth: who is counted, what is logged, and that nobody signs up."""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import ratelimit
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from people.hashing import HashingBusy
from web.peers import client_of

logger = logging.getLogger(__name__)


class PortalAccountAdapter(DefaultAccountAdapter):
    """Counts wrong passwords by account and by address (settings.ACCOUNT_RATE_LIMITS).

    The name that was typed is in no log line: it may be a password in the wrong field.
    """

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        """One shape of answer, whatever headers a request has."""
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Pages show who is signed in; a message would wait for the next page of the admin."""

    def get_client_ip(self, request: HttpRequest) -> str:
        return str(client_of(request) or "unix socket")

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # allauth's own key contains the Host header, so a client could have a new limit for each port it names.
        return f"account:{credentials['username']}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            # A line for each refused guess would be a way to fill the disk.
            if ratelimit.consume(request, action="log_lock_out"):
                logger.warning("Sign-ins are locked out, also from %s", self.get_client_ip(request))
            raise

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
