"""The language of an answer: the reader's on pages, and always English where programs read."""

from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language_from_request, gettext_lazy, override

from web.api_paths import is_api


class LanguageMiddleware:
    """Answers in the language that the person chose, else in one that the browser asks for, else in English.

    It ends with the request, so that a thread takes no language along to the next one or to a streamed body.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_api(request):
            with override(settings.LANGUAGE_CODE):
                return self.get_response(request)
        language = get_language_from_request(request)
        with override(language):
            response = self.get_response(request)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        response.headers.setdefault("Content-Language", language)
        return response


def lazy_text(text: str) -> str:
    """A text of a table or a class: translated each time it is shown, not when the module is read.

    It behaves as a str wherever it is formatted or compared; `str.join` and JSON need `str()` around it.
    """
    return cast(str, gettext_lazy(text))
