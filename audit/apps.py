from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Who changed what: the entries, who acts at the moment, and what is noted beside changed rows."""

    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from audit import receivers  # noqa: F401  (connects them)
