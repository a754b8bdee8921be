"""What a provider of OpenID Connect claims of a person: read, checked, and turned into roles and environments."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from people.access import limit_of, set_limit
from people.models import Role
from people.roles import give_role, role_of

Claims = Mapping[str, Any]
# Stored with the account, with the claims that the settings name. Nothing else of what a provider sends is kept.
KEPT = (
    "iss",
    "sub",
    "nonce",
    "email",
    "email_verified",
    "preferred_username",
    "name",
    "given_name",
    "family_name",
)
# As a value of the claim for environments: all of them.
EVERY_ENVIRONMENT = "*"


def kept_claims(answer: Claims) -> dict[str, Any]:
    """What is kept of a provider's answer: {"id_token": {…}, "userinfo": {…}}."""
    return {
        part: {name: clean(value) for name, value in claims.items() if name in kept_names()}
        for part, claims in answer.items()
        if isinstance(claims, dict)
    }


def kept_names() -> set[str]:
    paths = (settings.OIDC_ROLE_CLAIM, settings.OIDC_ENVIRONMENT_CLAIM)
    return {*KEPT, *(path.partition(".")[0] for path in paths if path)}


def clean(value: Any) -> Any:
    """The value without NUL, which PostgreSQL does not store."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [clean(part) for part in value]
    if isinstance(value, dict):
        return {clean(name): clean(part) for name, part in value.items()}
    return value


def merged(answer: Claims) -> dict[str, Any]:
    """The claims of both parts. Some providers put roles only into the one, some only into the other."""
    return {**answer.get("id_token", {}), **answer.get("userinfo", {})}


def verified_mail(claims: Claims) -> str:
    """The mail address, in lower case, if the provider says that it is verified; else "".

    Some providers write the flag as a text, and the text "false" is no yes.
    """
    mail, is_verified = claims.get("email"), claims.get("email_verified")
    if not isinstance(mail, str) or "@" not in mail:
        return ""
    return mail.strip().lower() if is_verified is True or is_verified == "true" else ""


def values_of(claims: Claims, *, path: str) -> list[str]:
    """The texts of a claim, which is a text or a list; a dot leads into an object: `realm_access.roles`."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
    found = value if isinstance(value, list) else [value]
    return [part for part in found if isinstance(part, str)]


def role_in(claims: Claims) -> Role | None:
    """The role that may do most, of those that OIDC_ROLES gives to the values of the claim."""
    roles = {settings.OIDC_ROLES.get(value) for value in values_of(claims, path=settings.OIDC_ROLE_CLAIM)}
    return next((role for role in reversed(Role) if role.value in roles), None)


def apply_claims(*, user: User, claims: Claims) -> None:
    """Give the person the role and the environments of their claims, where the settings name claims for them.

    A claim that is gone takes them away. Superusers stay as they are. Safe to repeat.
    """
    if user.is_superuser:
        return
    if settings.OIDC_ROLE_CLAIM and (role_of(user) is not role_in(claims) or not is_staff_as_role(user)):
        give_role(user=user, role=role_in(claims))
    if settings.OIDC_ENVIRONMENT_CLAIM:
        names = values_of(claims, path=settings.OIDC_ENVIRONMENT_CLAIM)
        limit = None if EVERY_ENVIRONMENT in names else frozenset(names)
        if limit_of(user) != limit:
            set_limit(user=user, environments=limit)


def is_staff_as_role(user: User) -> bool:
    return user.is_staff == (role_of(user) is Role.ADMIN)
