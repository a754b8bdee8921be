"""The audit: an entry for each change that a person, a command or a task made."""

from typing import Any

from auditlog.models import AbstractLogEntry, LogEntryManager
from django.db import models

from audit.hiding import name_of


class Verb(models.TextChoices):
    """What was done. The first three are changes of a row, which django-auditlog notes by itself."""

    CREATED = "created", "created"
    CHANGED = "changed", "changed"
    DELETED = "deleted", "deleted"
    SIGNED_IN = "signed_in", "signed in"
    SIGNED_OUT = "signed_out", "signed out"
    SIGN_IN_FAILED = "sign_in_failed", "failed to sign in"
    PASSWORD_CHANGED = "password_changed", "changed the password"
    PASSWORD_RESET = "password_reset", "reset the password"
    FACTOR_ADDED = "factor_added", "added a second factor"
    FACTOR_REMOVED = "factor_removed", "removed a second factor"
    FACTOR_RESET = "factor_reset", "made new recovery codes"
    SESSION_ENDED = "session_ended", "ended a session"
    IMPORTED = "imported", "imported"
    EXPORTED = "exported", "exported"
    PRUNED = "pruned", "pruned"
    ERASED = "erased", "erased"
    REPLAYED = "replayed", "replayed"
    RETRIED = "retried", "retried"
    REBUILT = "rebuilt", "rebuilt the KPIs"


# AbstractLogEntry.Action: create, update, delete, access.
VERBS_OF_ACTIONS = (Verb.CREATED, Verb.CHANGED, Verb.DELETED, Verb.CHANGED)


def environment_of(instance: models.Model) -> str:
    """The name of the environment that a row belongs to; empty where it belongs to none."""
    if instance._meta.model_name == "environment":
        return str(instance.pk)
    name = getattr(instance, "environment_id", None) or getattr(instance, "environment", "")
    return str(name or "")


class AuditEntryManager(LogEntryManager):
    """django-auditlog's manager, which also notes the environment of the changed row."""

    def log_create(self, instance: models.Model, force_log: bool = False, **kwargs: Any) -> Any:
        kwargs.setdefault("environment", environment_of(instance))
        kwargs.setdefault("object_repr", name_of(instance))
        return super().log_create(instance, force_log=force_log, **kwargs)

    def log_m2m_changes(
        self, changed_queryset: Any, instance: models.Model, operation: str, field_name: str, **kwargs: Any
    ) -> Any:
        kwargs.setdefault("environment", environment_of(instance))
        kwargs.setdefault("object_repr", name_of(instance))
        return super().log_m2m_changes(changed_queryset, instance, operation, field_name, **kwargs)


class AuditEntry(AbstractLogEntry):
    """One change: who did what to which row, when, from which address, before and after.

    An entry is final. The database refuses to change it, and to delete it unless it is older than the Horizon.
    `actor_name` stays when the account is deleted; for a command, task or key it is all there is.
    """

    # No choices: a new verb needs no migration.
    verb = models.CharField(max_length=32)
    environment = models.CharField(max_length=64, blank=True, default="")
    actor_name = models.CharField(max_length=200, blank=True, default="")

    objects = AuditEntryManager()

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        indexes = [
            # The filters of the admin, each with the order of its list.
            models.Index(name="audit_entry_newest", fields=["timestamp", "id"]),
            models.Index(name="audit_entry_verb", fields=["verb", "timestamp", "id"]),
            models.Index(name="audit_entry_environment", fields=["environment", "timestamp", "id"]),
            models.Index(name="audit_entry_actor", fields=["actor_name", "timestamp", "id"]),
            models.Index(name="audit_entry_type", fields=["content_type", "timestamp", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name or 'somebody'} {self.verb_label} {self.object_repr}"

    @property
    def verb_label(self) -> str:
        """The verb in words, also one that this version does not know."""
        return str(dict(Verb.choices).get(self.verb, self.verb))


class Horizon(models.Model):
    """The one row that says from when on audit entries are kept: older ones may be deleted. It never goes back."""

    kept_from = models.DateTimeField()

    def __str__(self) -> str:
        return f"kept from {self.kept_from:%Y-%m-%d %H:%M}"
