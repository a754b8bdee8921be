"""The way to the provider of single sign-on and back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import BoundedSemaphore

from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.ratelimit import consume_or_429
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe
from requests import RequestException

from people.single_sign_on.provider import PortalOpenIDAdapter
from people.views.account import CEREMONY_SECONDS

# What comes of a provider that answers something else than the protocol says.
STRANGE_ANSWERS = (RequestException, ValueError, LookupError, TypeError, AttributeError)
# In each process: a provider that hangs holds one thread, and the others answer pages.
TALKS = BoundedSemaphore(1)
WAIT_SECONDS = 1.0

Step = Callable[[HttpRequest, str], HttpResponse]


class ProviderBusy(RequestException):
    """Somebody else waits for the provider."""


@contextmanager
def talk() -> Iterator[None]:
    """Raises ProviderBusy where the only talk with the provider does not end within WAIT_SECONDS."""
    if not TALKS.acquire(timeout=WAIT_SECONDS):
        raise ProviderBusy
    try:
        yield
    finally:
        TALKS.release()


def with_provider(step: Step) -> Step:
    """Answers 404 where the settings name no provider, and leads back to the sign-in where it does not answer."""

    @require_safe
    @wraps(step)
    def guarded(request: HttpRequest, provider_id: str) -> HttpResponse:
        if not settings.OIDC_ISSUER:
            raise Http404("There is no single sign-on.")
        try:
            with talk():
                return step(request, provider_id)
        except ImmediateHttpResponse as refused:
            response: HttpResponse = refused.response
            return response
        except STRANGE_ANSWERS:
            return redirect("/login/?fault=sign_on_unreachable")

    return guarded


@with_provider
def begin_sign_on(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Sends the browser to the provider."""
    next_url = get_next_redirect_url(request)
    if request.user.is_authenticated:
        return redirect(next_url or "/")
    refused: HttpResponse | None = consume_or_429(
        request, app="allauth.account", action="begin_sign_on", limit_get=True
    )
    if refused is not None:
        return refused
    request.session.set_expiry(CEREMONY_SECONDS)
    provider = get_adapter().get_provider(request, provider=provider_id)
    answer: HttpResponse = provider.redirect(request, "login", next_url=next_url)
    return answer


@with_provider
def end_sign_on(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Where the provider sends the browser back to."""
    view = OAuth2CallbackView.adapter_view(PortalOpenIDAdapter(request, provider_id))
    answer: HttpResponse = view(request)
    return answer
