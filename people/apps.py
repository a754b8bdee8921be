from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Signing in and out. The accounts are Django's own, and django-allauth checks them."""

    name = "people"
