from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PeopleConfig(AppConfig):
    """Signing in and out, roles and invitations. The accounts are Django's own, and django-allauth checks them."""

    name = "people"

    def ready(self) -> None:
        from people.roles import keep_roles

        # Permissions are made after migrations, so a migration cannot give them to a group.
        post_migrate.connect(keep_roles, dispatch_uid="people.keep_roles")
