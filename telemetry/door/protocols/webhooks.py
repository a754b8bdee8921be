"""What senders of CloudEvents ask for besides posting: whether they may, and for answers without a body.

https://github.com/cloudevents/spec, v1.0.2: http-webhook.md. RFC 7240 defines the header Prefer.
"""

from django.http import HttpRequest

from telemetry.keys import DEFAULT_REQUESTS_PER_MINUTE, find_key, secret_of

ORIGIN = "HTTP_WEBHOOK_REQUEST_ORIGIN"


def is_handshake(request: HttpRequest) -> bool:
    """Whether an OPTIONS request asks if the sender may post here."""
    return bool(request.META.get(ORIGIN))


def permission(request: HttpRequest) -> dict[str, str]:
    """The headers that let the sender post: as often in a minute as its key may, or a new key if it sent none.

    Every sender may post, because each of its posts needs a key anyway.
    """
    key = find_key(secret_of(request))
    rate = key.requests_per_minute if key else DEFAULT_REQUESTS_PER_MINUTE
    return {
        "Allow": "OPTIONS, POST",
        "WebHook-Allowed-Origin": request.META[ORIGIN],
        "WebHook-Allowed-Rate": str(rate),
    }


def prefers_no_body(request: HttpRequest) -> bool:
    """Whether the sender wants an empty answer: `Prefer: return=minimal`, or `?return=minimal`.

    A Knative trigger can set no header, and takes every body for a CloudEvent.
    """
    preferences = request.META.get("HTTP_PREFER", "").replace('"', "").lower().split(",")
    if any(preference.partition(";")[0].strip() == "return=minimal" for preference in preferences):
        return True
    return bool(request.META.get("QUERY_STRING")) and request.GET.get("return") == "minimal"
