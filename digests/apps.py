from django.apps import AppConfig


class DigestsConfig(AppConfig):
    """Digests by mail and chat: who gets which, and what was sent."""

    name = "digests"
