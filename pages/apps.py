from django.apps import AppConfig


class PagesConfig(AppConfig):
    """What people see in a browser. No models: it asks the other apps."""

    name = "pages"
