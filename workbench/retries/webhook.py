"""The webhook as the settings have it, and whether its receiver has switched it off."""

from dataclasses import dataclass
from http import HTTPStatus

from django.conf import settings
from django.utils.crypto import salted_hmac

from workbench.models import RetryRequest
from workbench.retries.addresses import BadUrl, Receiver, parse_receiver
from workbench.retries.signing import BadSecret, key_of

DIGEST_LENGTH = 32


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Where requests go and what signs them. `digest` changes with each of the settings, and tells none of them."""

    receiver: Receiver
    secrets: tuple[str, ...]
    digest: str


def configured_webhook() -> Webhook | None:
    """None where the settings name none, or none that may be used; a system check says so at the start."""
    secrets = configured_secrets()
    if not settings.RETRY_WEBHOOK_URL or not settings.RETRY_WEBHOOK_SECRET:
        return None
    try:
        receiver = parse_receiver(settings.RETRY_WEBHOOK_URL)
        for secret in secrets:
            key_of(secret)
    except (BadUrl, BadSecret):
        return None
    text = "\n".join((settings.RETRY_WEBHOOK_URL, *secrets))
    digest = salted_hmac("workbench.retries.webhook", text, algorithm="sha256").hexdigest()[:DIGEST_LENGTH]
    return Webhook(receiver=receiver, secrets=secrets, digest=digest)


def configured_secrets() -> tuple[str, ...]:
    """The new secret first; the old one while it is rotated."""
    return tuple(filter(None, (settings.RETRY_WEBHOOK_SECRET, settings.RETRY_WEBHOOK_OLD_SECRET)))


def is_switched_off(webhook: Webhook) -> bool:
    """Whether its receiver answered 410 since the settings are what they are."""
    # Index: retry_request_gone (webhook).
    return RetryRequest.objects.filter(answer_status=HTTPStatus.GONE, webhook=webhook.digest).exists()
