"""What every request passes, whoever answers it."""

from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

# Where SECURE_PROXY_SSL_HEADER looks; no header of a client is ever called that.
TRUSTED_SCHEME = "portal.trusted_scheme"

Network = IPv4Network | IPv6Network


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
    try:
        peer = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(peer in network for network in networks(tuple(settings.TRUSTED_PROXIES)))


@lru_cache(maxsize=8)
def networks(words: tuple[str, ...]) -> tuple[Network, ...]:
    """Addresses and networks as they stand in TRUSTED_PROXIES; raises ValueError for anything else."""
    return tuple(ip_network(word, strict=False) for word in words)


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """The strict policy of the settings, and the admin's looser one under the admin's path."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request=request, response=response, report_only=report_only)
        if request.path.startswith(reverse("admin:index")):
            parts.update = {**settings.ADMIN_CONTENT_SECURITY_POLICY, **(parts.update or {})}
        return parts
