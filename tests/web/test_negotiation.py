"""Views with AnyAccept answer whatever the Accept header says."""

import pytest
from django.test import Client, RequestFactory
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from web.negotiation import AnyAccept

ACCEPT_HEADERS = ["", "text/html", "application/xml;q=0.1", "nonsense", "*/*", "é"]


@pytest.mark.parametrize("accept", ACCEPT_HEADERS)
def test_the_first_renderer_and_parser_are_taken(accept: str) -> None:
    request = Request(RequestFactory().get("/", headers={"Accept": accept}))
    renderers, parsers = [JSONRenderer(), BrowsableAPIRenderer()], [JSONParser()]

    negotiation = AnyAccept()

    assert negotiation.select_renderer(request, renderers) == (renderers[0], "application/json")
    assert negotiation.select_parser(request, parsers) is parsers[0]
    assert negotiation.select_parser(request, []) is None


@pytest.mark.parametrize("accept", ACCEPT_HEADERS)
def test_a_fault_is_json_whatever_is_accepted(accept: str) -> None:
    class View(APIView):
        content_negotiation_class = AnyAccept
        authentication_classes = ()
        permission_classes = ()

    response = View.as_view()(RequestFactory().get("/", headers={"Accept": accept}))

    assert (response.status_code, response["Content-Type"]) == (405, "application/json")


@pytest.mark.django_db
@pytest.mark.parametrize("accept", ACCEPT_HEADERS)
@pytest.mark.parametrize(
    "path",
    ["/api/workbench/telemetry", "/api/ingest/recent/", "/api/plan/", "/api/plan/schema.json", "/metrics"],
)
def test_no_accept_header_makes_the_doors_and_the_scrape_refuse(accept: str, path: str) -> None:
    response = Client().get(path, headers={"Accept": accept})

    assert response.status_code != 406
