"""What is noted when: who acts stands on each entry, an entry is final, and sign-ins are noted."""

from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model, signals
from django.contrib.auth.models import AbstractBaseUser
from django.db.models.signals import pre_delete, pre_save
from django.dispatch import receiver
from django.utils.module_loading import import_string

from audit import acting, trail
from audit.models import VERBS_OF_ACTIONS, AuditEntry, Verb

# (app, its signal, what the signal's `user` did). A signal of another library is one line more.
SIGNALS: tuple[tuple[str, str, Verb], ...] = (
    ("django.contrib.auth", "user_logged_in", Verb.SIGNED_IN),
    ("django.contrib.auth", "user_logged_out", Verb.SIGNED_OUT),
    ("allauth.account", "password_set", Verb.PASSWORD_CHANGED),
    ("allauth.account", "password_changed", Verb.PASSWORD_CHANGED),
    ("allauth.account", "password_reset", Verb.PASSWORD_RESET),
    ("allauth.mfa", "authenticator_added", Verb.FACTOR_ADDED),
    ("allauth.mfa", "authenticator_removed", Verb.FACTOR_REMOVED),
    ("allauth.mfa", "authenticator_reset", Verb.FACTOR_RESET),
)


class EntryIsFinal(Exception):
    """An audit entry is neither changed nor deleted. trail.delete_before takes the old ones."""


@receiver(pre_save, sender=AuditEntry)
def fill_in_actor(sender: type[AuditEntry], instance: AuditEntry, **kwargs: Any) -> None:
    """Raises EntryIsFinal for an entry that is stored already."""
    if not instance._state.adding:
        raise EntryIsFinal(instance.pk)
    actor = acting.current_actor()
    instance.actor = instance.actor or actor.user
    instance.actor_name = instance.actor_name or actor.name
    instance.remote_addr = actor.address
    instance.verb = instance.verb or VERBS_OF_ACTIONS[instance.action]


@receiver(pre_delete, sender=AuditEntry)
def refuse_deletion(sender: type[AuditEntry], instance: AuditEntry, **kwargs: Any) -> None:
    raise EntryIsFinal(instance.pk)


@receiver(signals.user_login_failed)
def note_failed_sign_in(sender: Any, credentials: dict[str, Any], **kwargs: Any) -> None:
    """Noted for accounts that exist. Their limit of wrong passwords bounds the entries; any other name may be a
    password in the wrong field, and there is no end of them."""
    users = get_user_model()
    person = users._default_manager.filter(username=credentials.get("username") or "").first()
    if person is not None:
        trail.note(Verb.SIGN_IN_FAILED, subject=person)


def note_of(verb: Verb) -> Any:
    def note(sender: Any, user: AbstractBaseUser | None = None, **kwargs: Any) -> None:
        if user is not None:
            trail.note(verb, subject=user)

    return note


for app, name, verb in SIGNALS:
    if apps.is_installed(app):
        import_string(f"{app}.signals.{name}").connect(
            note_of(verb), weak=False, dispatch_uid=f"audit.{name}"
        )
