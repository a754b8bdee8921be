"""The two scrape endpoints, and who may read them."""

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from metrics.exposition import Gather, all_families, expose, workbench_families
from telemetry import keys
from telemetry.models import Scope
from web.negotiation import AnyAccept
from web.peers import is_trusted_proxy, peer_of

# A request with one of these headers came through a proxy, whatever the header says.
FORWARDING_HEADERS = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
)


class ScrapeView(APIView):
    """Answers a scrape with the families that `gather` yields."""

    authentication_classes = []
    permission_classes = []
    content_negotiation_class = AnyAccept
    gather: Gather = staticmethod(all_families)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        check_access(request._request)
        body, content_type = expose(
            type(self).gather, accept=request.META.get("HTTP_ACCEPT", ""), now=timezone.now()
        )
        return HttpResponse(body, content_type=content_type, headers={"Cache-Control": "no-store"})


class WorkbenchScrapeView(ScrapeView):
    gather = staticmethod(workbench_families)


def check_access(request: HttpRequest) -> None:
    """Let in a peer on this machine, the METRICS_TOKEN and keys of scope metrics.

    Raises Http404 if metrics are off, and what keys.authenticate raises for any other request.
    """
    if not settings.METRICS_ENABLED:
        raise Http404
    if not is_local(request) and not has_token(request):
        keys.authenticate(request, scope=Scope.METRICS, now=timezone.now())


def is_local(request: HttpRequest) -> bool:
    """Whether the request comes from this machine itself and not through a proxy on it.

    A proxy on this machine is a loopback peer too. It is recognised by TRUSTED_PROXIES or, if it is missing
    there, by the headers that it adds. What those headers say of the client is never believed.
    """
    peer = peer_of(request)
    if peer is None or any(header in request.META for header in FORWARDING_HEADERS):
        return False
    return peer.is_loopback and not is_trusted_proxy(peer)


def has_token(request: HttpRequest) -> bool:
    """Whether the bearer token is METRICS_TOKEN; never when that is empty."""
    expected = settings.METRICS_TOKEN.encode()
    token = keys.bearer_token(request.META) or ""
    # In constant time, so that a wrong token does not tell how much of it is right.
    return bool(expected) and hmac.compare_digest(token.encode(errors="replace"), expected)
