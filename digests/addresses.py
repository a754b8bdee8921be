"""The webhook that a person has digests posted to: which addresses are taken, and how one is kept.

A person types it, so it must not lead the portal into the network that it runs in: its host is one of
DIGEST_CHAT_HOSTS, which is Slack's alone unless the operator adds one. What the name stands for is judged when it is
posted to, as for the webhook of retries.
"""

from django.conf import settings

from people.sealing import Unreadable, seal, unseal
from workbench.retries.addresses import DEFAULT_PORTS, BadUrl, Receiver, parse_receiver

PURPOSE = "digests.webhook"
# Enough to tell one's webhooks apart, too little to post with.
SHOWN_CHARACTERS = 4


def parse_webhook(url: str) -> Receiver:
    """Raises BadUrl, also for a host that is none of DIGEST_CHAT_HOSTS."""
    receiver = parse_receiver(url)
    if place_of(receiver) not in settings.DIGEST_CHAT_HOSTS:
        allowed = ", ".join(settings.DIGEST_CHAT_HOSTS) or "none"
        raise BadUrl(f"Digests are posted to these hosts only: {allowed}.")
    return receiver


def place_of(receiver: Receiver) -> str:
    """The host as the setting writes it: with the port where it is not the scheme's."""
    host = f"[{receiver.host}]" if ":" in receiver.host else receiver.host
    return host if receiver.port == DEFAULT_PORTS[receiver.scheme] else f"{host}:{receiver.port}"


def seal_webhook(url: str) -> str:
    return seal(url, purpose=PURPOSE)


def unseal_webhook(sealed: str) -> str:
    """The address; "" where SECRET_KEY has changed, so that the person has to enter it again."""
    try:
        return unseal(sealed, purpose=PURPOSE) if sealed else ""
    except Unreadable:
        return ""


def hint_of(sealed: str) -> str:
    """What the form shows of a stored address: its end."""
    url = unseal_webhook(sealed)
    return f"…{url[-SHOWN_CHARACTERS:]}" if url else ""
