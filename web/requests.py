"""Requests that no header can break before a view or a middleware sees them."""

from collections.abc import Mapping
from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import parse_cookie
from django.utils.functional import cached_property
from django.utils.http import parse_header_parameters


class PortalRequest(WSGIRequest):
    """Reads the query and forms as UTF-8, whatever charset the Content-Type names.

    Django decodes the query with that charset while it makes the request. Three requests would raise there,
    where nothing catches it: a charset that is not one of text (bz2_codec), any charset beside a query of too
    many parameters, and a Content-Type that cannot be parsed.
    """

    def _set_content_type_params(self, meta: Mapping[str, Any]) -> None:
        header = meta.get("CONTENT_TYPE", "")
        try:
            self.content_type, self.content_params = parse_header_parameters(header)
        except ValueError:
            self.content_type, self.content_params = header, {}

    @cached_property
    def COOKIES(self) -> dict[str, str]:  # type: ignore[override]  # As WSGIRequest does.
        """Without those that hold NUL: the session's would be looked up, and PostgreSQL takes no NUL."""
        cookies = parse_cookie(self.META.get("HTTP_COOKIE", ""))
        return {name: value for name, value in cookies.items() if "\0" not in value}


class PortalHandler(WSGIHandler):
    request_class = PortalRequest
