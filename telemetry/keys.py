"""API keys: creating, rotating, finding and revoking them, and checking a request's key.

Only a key's SHA-256 is stored.
"""

import base64
import hmac
import re
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, QueryDict

from telemetry import key_use
from telemetry.models import ApiKey, Environment, KeyState, Scope
from web.errors import ApiError

DEFAULT_REQUESTS_PER_MINUTE = 300_000
PREFIX_LENGTH = 16
NEW_KEY = "An administrator makes keys: in the admin, or with manage.py create_key."
SECRET = re.compile(rf"wb_(?:{'|'.join(Scope.values)})_[A-Za-z0-9_-]{{43}}")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# The name of an event, or the beginning of one with `.*` in place of the rest.
EVENT_PATTERN = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*(?:\.\*)?")
MAX_PATTERNS = 100
MAX_PATTERN_LENGTH = 64

OVERLAP = timedelta(days=7)
LONGEST_OVERLAP = timedelta(days=365)
# Keys that expire within this are listed, so that there is time to replace them.
EXPIRY_NOTICE = timedelta(days=14)


class BadKeyName(ValueError):
    """A name or scope that a key can't have. The message says which."""


class NotRotatable(ValueError):
    """A key that can't get a successor: it has one already, or does not work any more. The message says which."""


def create_key(
    *,
    scope: str,
    environment: str,
    source: str,
    now: datetime,
    requests_per_minute: int | None = None,
    expires_at: datetime | None = None,
    allowed_events: Sequence[str] = (),
    notes: str = "",
) -> tuple[ApiKey, str]:
    """Create a key, and its environment if it is missing. Returns the row and the secret, which is not stored.

    Environment and source are 1 to 64 lower-case letters, digits, dots, dashes and underscores. `allowed_events` are
    names and patterns (`workbench.*`) of the events that it may send; none: it may send all. Every call creates
    another key. Raises BadKeyName for a name, scope or pattern that is not acceptable.
    """
    if scope not in Scope.values:
        raise BadKeyName(f"There is no scope {scope!r}; it is one of {', '.join(Scope.values)}.")
    check_name("environment", environment)
    check_name("source", source)
    check_patterns(allowed_events, scope=scope)
    # The scope stands in the secret, so that people and secret scanners see what a key can do.
    secret = f"wb_{scope}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        made_in, _ = Environment.objects.get_or_create(name=environment, defaults={"created_at": now})
        key = ApiKey.objects.create(
            prefix=secret[:PREFIX_LENGTH],
            digest=digest_of(secret),
            scope=scope,
            environment=made_in,
            source=source,
            requests_per_minute=requests_per_minute or DEFAULT_REQUESTS_PER_MINUTE,
            created_at=now,
            expires_at=expires_at,
            allowed_events=list(allowed_events),
            notes=notes,
        )
    return key, secret


def rotate_key(*, key: ApiKey, overlap: timedelta = OVERLAP, now: datetime) -> tuple[ApiKey, str]:
    """Make a key that takes this one's place, and let this one expire after `overlap` (zero: at once).

    The successor has the same scope, environment, source, rate, allowed events and notes, and lives as long as this
    one was to live. Returns it and its secret. Of two calls at once one makes the successor. Raises NotRotatable
    for a key that has a successor or is not in force, and ValueError for an overlap below zero or over a year.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise ValueError(f"The overlap must be 0 to {LONGEST_OVERLAP.days} days.")
    with transaction.atomic():
        # With no_key, posts with this key do not wait: their arrivals only refer to its row.
        old = ApiKey.objects.select_for_update(no_key=True).get(pk=key.pk)
        check_rotatable(old, now=now)
        successor, secret = create_key(
            scope=old.scope,
            environment=old.environment_id,
            source=old.source,
            now=now,
            requests_per_minute=old.requests_per_minute,
            expires_at=old.expires_at and now + (old.expires_at - old.created_at),
            allowed_events=old.allowed_events,
            notes=old.notes,
        )
        end = now + overlap
        old.successor = successor
        old.expires_at = min(end, old.expires_at or end)
        old.save(update_fields=["successor", "expires_at"])
    key.refresh_from_db(fields=["successor", "expires_at"])
    key_of.cache_clear()
    return successor, secret


def check_rotatable(key: ApiKey, *, now: datetime) -> None:
    if key.successor_id is not None:
        raise NotRotatable(f"The key {key} was rotated already; its successor is {key.successor}.")
    state = key.state_at(now)
    if state is not KeyState.IN_FORCE:
        raise NotRotatable(f"The key {key} is {state}. Make a new key in its place.")


def change_key(*, key: ApiKey, allowed_events: Sequence[str], notes: str) -> None:
    """Change what may be changed of a key. Every process knows within a second. Raises BadKeyName for a pattern."""
    check_patterns(allowed_events, scope=key.scope)
    with transaction.atomic():
        # A saved row is noted in the audit. With no_key, posts with this key do not wait.
        stored = ApiKey.objects.select_for_update(no_key=True).get(pk=key.pk)
        stored.allowed_events, stored.notes = list(allowed_events), notes
        stored.save(update_fields=["allowed_events", "notes"])
    key.refresh_from_db(fields=["allowed_events", "notes"])
    key_of.cache_clear()


def expiring_keys(*, now: datetime) -> list[ApiKey]:
    """The keys in force that expire within 14 days, the first to expire first.

    A key whose successor is in use already is left out.
    """
    expiring = ApiKey.objects.filter(expires_at__gt=now, expires_at__lte=now + EXPIRY_NOTICE)
    unrevoked = expiring.filter(Q(revoked_at=None) | Q(revoked_at__gt=now))
    waiting = Q(successor=None) | Q(successor__first_used_at=None)
    return list(unrevoked.filter(waiting).select_related("successor").order_by("expires_at", "pk"))


def check_patterns(patterns: Sequence[str], *, scope: str) -> None:
    if patterns and scope != Scope.INGEST:
        raise BadKeyName("Only keys of the scope ingest can be limited to some events.")
    if len(patterns) > MAX_PATTERNS:
        raise BadKeyName(f"A key can have at most {MAX_PATTERNS} names and patterns of events.")
    for pattern in patterns:
        if len(pattern) > MAX_PATTERN_LENGTH or not EVENT_PATTERN.fullmatch(pattern):
            raise BadKeyName(
                f"{pattern[:MAX_PATTERN_LENGTH]!r} is neither the name of an event, like workbench.draft_created, nor "
                "a pattern, like workbench.*"
            )


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
    # With its environment, of which the door must know how far back raw events are kept.
    key = ApiKey.objects.select_related("environment").filter(digest=digest).first()
    return key if key and hmac.compare_digest(key.digest, digest) else None


def revoke_key(*, key: ApiKey, now: datetime) -> None:
    """Revoke a key; every process refuses it within a second. Safe to repeat: the first moment stays."""
    with transaction.atomic():
        # A saved row, in place of QuerySet.update, is noted in the audit.
        stored = ApiKey.objects.select_for_update().get(pk=key.pk)
        if stored.revoked_at is None:
            stored.revoked_at = now
            stored.save(update_fields=["revoked_at"])
    key.revoked_at = stored.revoked_at
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
            code="missing_key",
            message=f"The request needs a key: send Authorization: Bearer <key>. {NEW_KEY}",
        )
    key = find_key(secret)
    if key is None:
        raise unauthorized(
            code="unknown_key", message=f"The key is not known. Send it whole, as it was printed. {NEW_KEY}"
        )
    return key


def check_in_force(key: ApiKey, *, scopes: Collection[str], now: datetime) -> ApiKey:
    """The key itself. Raises ApiError (403) if it is revoked or expired at `now`, or has none of the scopes."""
    state = key.state_at(now)
    if state is KeyState.REVOKED:
        raise forbidden(code="revoked_key", message=f"The key was revoked. Use another one. {NEW_KEY}")
    if state is KeyState.EXPIRED:
        raise forbidden(code="expired_key", message=f"The key has expired. Use another one. {NEW_KEY}")
    if key.scope not in scopes:
        wanted = " or ".join(scopes)
        message = f"This needs a key of scope {wanted}; this one's is {key.scope}. {NEW_KEY}"
        raise forbidden(code="wrong_scope", message=message)
    if key.scope != Scope.INGEST:
        key_use.remember(key, now=now)
    return key


def unauthorized(*, code: str, message: str) -> ApiError:
    challenge = {"WWW-Authenticate": 'Bearer realm="portal"'}
    return ApiError(status=HTTPStatus.UNAUTHORIZED, code=code, message=message, headers=challenge)


def forbidden(*, code: str, message: str) -> ApiError:
    return ApiError(status=HTTPStatus.FORBIDDEN, code=code, message=message)
