from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The project itself, as an app: it holds the `portal` command and the system checks."""

    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401  (registers them)
