from django.apps import AppConfig


class ObjectivesConfig(AppConfig):
    name = "objectives"
    verbose_name = "Objectives"

    def ready(self) -> None:
        from objectives import checks  # noqa: F401 (registers itself)
