from django.apps import AppConfig


class MetricsConfig(AppConfig):
    """What Prometheus scrapes. It has no models and reads those of the other apps."""

    name = "metrics"

    def ready(self) -> None:
        from metrics import database, tasks

        database.connect()
        tasks.connect()
