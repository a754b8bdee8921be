"""Requests as the portal reads them: no header can break one before any view or middleware sees it."""

from collections.abc import Mapping
from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters


class PortalRequest(WSGIRequest):
    """Query and forms are UTF-8 whatever charset a Content-Type names.

    Django decodes the query with that charset while it makes the request: one that is no charset of text
    (bz2_codec), a query of too many parameters beside any charset, and a Content-Type that cannot be parsed
    would each raise where nothing catches it.
    """

    def _set_content_type_params(self, meta: Mapping[str, Any]) -> None:
        given = meta.get("CONTENT_TYPE", "")
        try:
            self.content_type, self.content_params = parse_header_parameters(given)
        except ValueError:
            self.content_type, self.content_params = given, {}


class PortalHandler(WSGIHandler):
    request_class = PortalRequest
