"""Middleware that decides what a proxy may say and what a page may load."""

from collections.abc import Callable

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.urls import reverse

from web.peers import is_trusted_proxy, peer_of

# Where SECURE_PROXY_SSL_HEADER looks. No header of a client can have this name.
TRUSTED_SCHEME = "portal.trusted_scheme"


class ProxyHeadersMiddleware:
    """Takes the scheme from X-Forwarded-Proto of TRUSTED_PROXIES only, and marks cookies of https requests Secure."""

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
    """Whether the socket's peer is one of TRUSTED_PROXIES. A Unix socket, which has no address, is not."""
    peer = peer_of(request)
    return peer is not None and is_trusted_proxy(peer)


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """Sends the strict policy of the settings; below the admin's path, the admin's looser one."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request=request, response=response, report_only=report_only)
        if request.path.startswith(reverse("admin:index")):
            parts.update = {**settings.ADMIN_CONTENT_SECURITY_POLICY, **(parts.update or {})}
        return parts


class PermissionsPolicyMiddleware:
    """Says on every answer that no page of the portal uses a camera, a position and the like."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        return response


class CacheControlMiddleware:
    """Keeps answers out of every cache, because they are for one person or key, unless a view decides itself.

    It stands behind WhiteNoise, so static files keep their own rules.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class PageCompressionMiddleware(GZipMiddleware):
    """Compresses pages for browsers that take it; Django adds random bytes, so that lengths tell nothing of secrets.

    Answers with an ETag are left as they are: fragments that are asked for again and again, mostly answered 304.
    So is what is no page: the APIs and the scrape, whose readers are near.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if not is_page or "ETag" in response.headers:
            return response
        compressed: HttpResponseBase = super().process_response(request, response)
        return compressed
