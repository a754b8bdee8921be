"""API keys: creating, finding and revoking them, and checking a request's key. Only a key's SHA-256 is stored."""

import base64
import hmac
import re
import secrets
import time
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.http import HttpRequest, QueryDict

from telemetry.models import ApiKey, Environment, KeyState, Scope
from web.errors import ApiError

DEFAULT_REQUESTS_PER_MINUTE = 300_000
PREFIX_LENGTH = 16
SECRET = re.compile(r"wb_(?:ingest|read|metrics)_[A-Za-z0-9_-]{43}")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class BadKeyName(ValueError):
    """A name or scope that a key can't have. The message says which."""


def create_key(
    *,
    scope: str,
    environment: str,
    source: str,
    now: datetime,
    requests_per_minute: int | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Create a key, and its environment if it is missing. Returns the row and the secret, which is not stored.

    Environment and source are 1 to 64 lower-case letters, digits, dots, dashes and underscores. Every call
    creates another key. Raises BadKeyName for a name or scope that is not acceptable.
    """
    if scope not in Scope.values:
        raise BadKeyName(f"There is no scope {scope!r}; it is one of {', '.join(Scope.values)}.")
    check_name("environment", environment)
    check_name("source", source)
    # The scope stands in the secret, so that people and secret scanners see what a key can do.
    secret = f"wb_{scope}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        Environment.objects.get_or_create(name=environment, defaults={"created_at": now})
        key = ApiKey.objects.create(
            prefix=secret[:PREFIX_LENGTH],
            digest=digest_of(secret),
            scope=scope,
            environment_id=environment,
            source=source,
            requests_per_minute=requests_per_minute or DEFAULT_REQUESTS_PER_MINUTE,
            created_at=now,
            expires_at=expires_at,
        )
    return key, secret


def check_name(kind: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise BadKeyName(
            f"The {kind} {name!r} is not acceptable: it must have 1 to 64 lower-case letters, digits, "
            "dots, dashes and underscores, and begin with a letter or digit."
        )


def digest_of(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def find_key(secret: str) -> ApiKey | None:
    """The key of this secret, also if it is revoked or expired. The row may be up to one second old."""
    if not SECRET.fullmatch(secret):
        return None
    return key_of(digest_of(secret), int(time.monotonic()))


@lru_cache(maxsize=1024)
def key_of(digest: str, second: int) -> ApiKey | None:
    """The key of this digest. A process reads it at most once a second, so a busy key costs no query a post."""
    key = ApiKey.objects.filter(digest=digest).first()
    return key if key and hmac.compare_digest(key.digest, digest) else None


def revoke_key(*, key: ApiKey, now: datetime) -> None:
    """Revoke a key; every process refuses it within a second. Safe to repeat: the first moment stays."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)
    key.refresh_from_db(fields=["revoked_at"])
    key_of.cache_clear()


def secret_of(request: HttpRequest) -> str:
    """The request's secret: from Authorization: Bearer, else X-Workbench-Key, else ?key= (for beacons)."""
    return secret_in(request.META)


def secret_in(environ: Mapping[str, Any]) -> str:
    """The secret in a request's WSGI environment, as `secret_of` looks for it."""
    token = bearer_token(environ)
    if token is not None:
        return token
    header = str(environ.get("HTTP_X_WORKBENCH_KEY", ""))
    if header or not environ.get("QUERY_STRING"):
        return header
    return str(QueryDict(environ["QUERY_STRING"]).get("key", ""))


def secret_outside_body(environ: Mapping[str, Any]) -> str:
    """The secret of a request's headers or query, as the SDKs of others send it; an empty text where there is none.

    It is the user name of Basic credentials, or Jitsu's header, or where `secret_in` looks, or the `writeKey` of the
    query, which RudderStack's beacons send.
    """
    scheme, _, credentials = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "basic":
        return user_of(credentials)
    return (
        secret_of_pair(environ.get("HTTP_X_WRITE_KEY", ""))
        or secret_in(environ)
        or str(QueryDict(environ.get("QUERY_STRING", "")).get("writeKey", ""))
    )


def user_of(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except ValueError:
        return ""


def secret_of_pair(write_key: str) -> str:
    """The secret of Jitsu's `keyId:secret`, or the whole text if it is no pair."""
    return write_key.rpartition(":")[2]


def bearer_token(environ: Mapping[str, Any]) -> str | None:
    """The token of Authorization: Bearer in a WSGI environment; None where there is no such header."""
    scheme, _, token = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def authenticate(request: HttpRequest, *, scope: str, now: datetime) -> ApiKey:
    """The request's key, if it has this scope and is in force at `now`.

    Raises ApiError: 401 without a key or with an unknown one; 403 with a revoked or expired key, or one of
    another scope.
    """
    return check_in_force(require_key(secret_of(request)), scopes=(scope,), now=now)


def require_key(secret: str) -> ApiKey:
    """The key of this secret. Raises ApiError (401) for no secret, and for one that belongs to no key."""
    if not secret:
        raise unauthorized(
            code="missing_key", message="The request needs a key: Authorization: Bearer <key>."
        )
    key = find_key(secret)
    if key is None:
        raise unauthorized(code="unknown_key", message="The key is not known.")
    return key


def check_in_force(key: ApiKey, *, scopes: Collection[str], now: datetime) -> ApiKey:
    """The key itself. Raises ApiError (403) if it is revoked or expired at `now`, or has none of the scopes."""
    state = key.state_at(now)
    if state is KeyState.REVOKED:
        raise forbidden(code="revoked_key", message="The key was revoked.")
    if state is KeyState.EXPIRED:
        raise forbidden(code="expired_key", message="The key has expired.")
    if key.scope not in scopes:
        wanted = " or ".join(scopes)
        raise forbidden(
            code="wrong_scope", message=f"This needs a key of scope {wanted}; this one's is {key.scope}."
        )
    return key


def unauthorized(*, code: str, message: str) -> ApiError:
    challenge = {"WWW-Authenticate": 'Bearer realm="portal"'}
    return ApiError(status=HTTPStatus.UNAUTHORIZED, code=code, message=message, headers=challenge)


def forbidden(*, code: str, message: str) -> ApiError:
    return ApiError(status=HTTPStatus.FORBIDDEN, code=code, message=message)
