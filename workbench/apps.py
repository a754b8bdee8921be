from django.apps import AppConfig


class WorkbenchConfig(AppConfig):
    name = "workbench"
    verbose_name = "Workbench"

    def ready(self) -> None:
        from telemetry.lifecycle.retention.subjects import add_tables
        from workbench import checks  # noqa: F401 (registers itself)
        from workbench.retention import EVENT_COUNTS, TABLES

        add_tables(TABLES, counts=[EVENT_COUNTS])
