from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The project itself as an app, so that Django finds its `portal` command and its system checks."""

    name = "config"

    def ready(self) -> None:
        from alerts.rules.catalogue import add_rules
        from config import checks  # noqa: F401  (registers them)
        from config.health import alerting

        add_rules([alerting.RULE])
