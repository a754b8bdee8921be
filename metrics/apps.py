from django.apps import AppConfig


class MetricsConfig(AppConfig):
    """What Prometheus sees. No models: it reads those of the other apps."""

    name = "metrics"

    def ready(self) -> None:
        from metrics import tasks

        tasks.connect()
