"""System checks of the webhook's settings."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from workbench.retries.addresses import BadUrl, parse_receiver
from workbench.retries.signing import BadSecret, key_of

SECRETS = ("RETRY_WEBHOOK_SECRET", "RETRY_WEBHOOK_OLD_SECRET")
HOW_TO_MAKE_ONE = 'Make one with: echo "whsec_$(openssl rand -base64 32)"'


@register
def check_webhook_url(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """workbench.E001: an address that a webhook can't have."""
    if not settings.RETRY_WEBHOOK_URL:
        return []
    try:
        parse_receiver(settings.RETRY_WEBHOOK_URL)
    except BadUrl as fault:
        hint = "It takes https://, or http:// to a private address; see docs/retry.md."
        return [Error(f"RETRY_WEBHOOK_URL can't be used. {fault}", hint=hint, id="workbench.E001")]
    return []


@register
def check_webhook_is_signed(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """workbench.E002: a webhook, or an old secret, without a secret."""
    if settings.RETRY_WEBHOOK_SECRET:
        return []
    needing = [name for name in ("RETRY_WEBHOOK_URL", SECRETS[1]) if getattr(settings, name)]
    return [
        Error(f"{name} is set without RETRY_WEBHOOK_SECRET.", hint=HOW_TO_MAKE_ONE, id="workbench.E002")
        for name in needing
    ]


@register
def check_webhook_secrets(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """workbench.E003: a secret that is none of Standard Webhooks. No message quotes it."""
    return [
        Error(f"{name} can't be used. {fault}", hint=HOW_TO_MAKE_ONE, id="workbench.E003")
        for name in SECRETS
        if (fault := fault_of(getattr(settings, name)))
    ]


def fault_of(secret: str) -> str:
    try:
        key_of(secret)
    except BadSecret as fault:
        return str(fault) if secret else ""
    return ""
