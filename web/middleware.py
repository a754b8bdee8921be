"""What every request passes, whoever answers it."""

from collections.abc import Callable

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from web.peers import is_trusted_proxy, peer_of

# Where SECURE_PROXY_SSL_HEADER looks; no header of a client is ever called that.
TRUSTED_SCHEME = "portal.trusted_scheme"


class ProxyHeadersMiddleware:
    """Believes what TRUSTED_PROXIES say of the scheme, and makes the cookies of an https request secure."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "HTTP_X_FORWARDED_PROTO" in request.META and is_from_proxy(request):
            request.META[TRUSTED_SCHEME] = request.META["HTTP_X_FORWARDED_PROTO"]
        response = self.get_response(request)
        if request.is_secure():
            for cookie in response.cookies.values():
                cookie["secure"] = True
        return response


def is_from_proxy(request: HttpRequest) -> bool:
    """Whether the socket's peer is one of TRUSTED_PROXIES; an unnamed peer (a Unix socket) is not."""
    peer = peer_of(request)
    return peer is not None and is_trusted_proxy(peer)


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """The strict policy of the settings, and the admin's looser one under the admin's path."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request=request, response=response, report_only=report_only)
        if request.path.startswith(reverse("admin:index")):
            parts.update = {**settings.ADMIN_CONTENT_SECURITY_POLICY, **(parts.update or {})}
        return parts
