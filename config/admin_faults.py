"""Hostile requests to the admin, answered 400 where Django's admin would fail."""

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest, ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from web.errors import bad_request

# The field that a popup's choice is named by. Django checks any but an empty one.
TO_FIELD = "_to_field"


class AdminFaultsMiddleware:
    """Refuses text that PostgreSQL cannot store, and values that no column can hold."""

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
    ) -> None:
        """Raises BadRequest."""
        if not is_admin(request):
            return
        if any("\0" in text for text in texts_of(request)):
            raise BadRequest("NUL")
        if "" in (request.GET.get(TO_FIELD), request.POST.get(TO_FIELD)):
            raise BadRequest(TO_FIELD)
        if not can_be_selected(request.POST.getlist(ACTION_CHECKBOX_NAME), view=view):
            raise BadRequest(ACTION_CHECKBOX_NAME)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """400 for a number or a date out of range: PostgreSQL's DataError, SQLite's OverflowError."""
        if is_admin(request) and isinstance(error, DataError | OverflowError):
            return bad_request(request, error)
        return None


def is_admin(request: HttpRequest) -> bool:
    return request.resolver_match is not None and request.resolver_match.app_name == "admin"


def can_be_selected(keys: list[str], *, view: Callable[..., HttpResponseBase]) -> bool:
    """Whether the view's model can have such primary keys; an action looks for them unchecked."""
    model_admin = getattr(view, "model_admin", None)
    try:
        return model_admin is None or all(model_admin.opts.pk.to_python(key) is not None for key in keys)
    except ValidationError:
        return False


def texts_of(request: HttpRequest) -> Iterator[str]:
    yield request.path_info
    for parameters in (request.GET, request.POST):
        for name, values in parameters.lists():
            yield name
            yield from map(str, values)
