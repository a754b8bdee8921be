from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """What is wrong now, and what was: alerts that Alertmanager reports, and those that the portal finds itself."""

    name = "alerts"

    def ready(self) -> None:
        from alerts.models import Alert
        from telemetry.lifecycle.retention.subjects import PrunableTable, add_tables
        from telemetry.models import RetentionSubject

        add_tables(
            [
                PrunableTable(
                    subject=RetentionSubject.ALERTS,
                    model=Alert,
                    # One that fires on goes on expiring later.
                    moments=("started_at", "ended_at", "expires_at"),
                    environment="",
                    event="name",
                )
            ]
        )
