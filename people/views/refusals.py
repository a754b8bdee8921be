"""What people are told when a page of signing in cannot answer now."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.response import TemplateResponse
from redis.exceptions import RedisError

from people.hashing import HashingBusy
from web.errors import RETRY_AFTER_SECONDS

RATE_SECONDS = 60
# Without a count of guesses nobody may guess: the cache that counts is away, or every turn to hash is taken.
NO_COUNT = (HashingBusy, RedisError, OSError)

View = Callable[..., HttpResponseBase]


def refusal(request: HttpRequest, status: HTTPStatus, *, seconds: int) -> HttpResponse:
    context = {"is_too_many": status is HTTPStatus.TOO_MANY_REQUESTS}
    page = render(request, "people/refusal.html", context, status=status.value)
    page.headers["Retry-After"] = str(seconds)
    return page


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """handler429: allauth asks for it."""
    return refusal(request, HTTPStatus.TOO_MANY_REQUESTS, seconds=RATE_SECONDS)


def counted(view: View) -> View:
    """The view, answered 503 while guesses cannot be counted."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
            if isinstance(response, TemplateResponse) and not response.is_rendered:
                response.render()
        except NO_COUNT:
            return refusal(request, HTTPStatus.SERVICE_UNAVAILABLE, seconds=RETRY_AFTER_SECONDS)
        return response

    return guarded
