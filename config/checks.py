"""System checks of the settings, for rules that no single setting can check. docs/settings.md lists their ids."""

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from config import mail
from people.models import Role
from web.peers import networks_of

LOCAL_HOSTS = {"127.0.0.1", "localhost", "[::1]"}
SHORTEST_SECRET = 32
MOUNTS = Path("/proc/self/mounts")
MEMORY_FILE_SYSTEMS = {"tmpfs", "ramfs"}


@register()
def check_tracking_plan(**kwargs: Any) -> list[CheckMessage]:
    if settings.TRACKING_PLAN.is_file():
        return []
    return [
        Error(
            f"TRACKING_PLAN names {settings.TRACKING_PLAN}, which is not a file.",
            hint="Unset it to use the plan that comes with the portal.",
            id="portal.E001",
        )
    ]


@register()
def check_trusted_proxies(**kwargs: Any) -> list[CheckMessage]:
    try:
        networks_of(tuple(settings.TRUSTED_PROXIES))
    except ValueError as error:
        return [
            Error(
                f"TRUSTED_PROXIES can't be read: {error}.",
                hint="List addresses or networks, separated by commas: 10.0.0.0/8,192.168.1.5",
                id="portal.E002",
            )
        ]
    return []


@register()
def check_secret_key(**kwargs: Any) -> list[CheckMessage]:
    if len(settings.SECRET_KEY) >= SHORTEST_SECRET:
        return []
    return [
        Error(
            f"SECRET_KEY has {len(settings.SECRET_KEY)} characters; it needs at least {SHORTEST_SECRET}.",
            hint="Unset it to have one generated in DATA_DIR.",
            id="portal.E003",
        )
    ]


@register()
def check_redis_url(**kwargs: Any) -> list[CheckMessage]:
    if not settings.REDIS_URL or settings.REDIS_URL.startswith(("redis://", "rediss://", "redis+socket://")):
        return []
    return [
        Error(
            "REDIS_URL is not the address of a Redis server.",
            hint="It begins with redis://, rediss:// or redis+socket://.",
            id="portal.E004",
        )
    ]


@register()
def check_notice_emails(**kwargs: Any) -> list[CheckMessage]:
    wrong = [address for address in settings.NOTICE_EMAILS if not is_address(address)]
    errors: list[CheckMessage] = [
        Error(
            f"NOTICE_EMAILS has {address!r}, which is not a mail address.",
            hint="List addresses, separated by commas: ops@example.com,jo@example.com",
            id="portal.E010",
        )
        for address in wrong
    ]
    if settings.NOTICE_EMAILS and settings.MAIL_SERVER.backend == mail.NOWHERE:
        errors.append(
            Error(
                "NOTICE_EMAILS is set, but there is no EMAIL_URL to send mail by.",
                hint="Set EMAIL_URL=smtp+tls://user:password@host:587",
                id="portal.E011",
            )
        )
    return errors


@register()
def check_traces(**kwargs: Any) -> list[CheckMessage]:
    if not settings.TRACING_ENABLED:
        return []
    errors: list[CheckMessage] = []
    if urlsplit(settings.OTLP_ENDPOINT).scheme not in {"http", "https"}:
        errors.append(
            Error(
                "OTEL_EXPORTER_OTLP_ENDPOINT is not an address that begins with http:// or https://.",
                hint="Set the address of the collector without a path: http://127.0.0.1:4318",
                id="portal.E020",
            )
        )
    if settings.OTLP_PROTOCOL not in {"", "http/protobuf"}:
        errors.append(
            Error(
                f"OTEL_EXPORTER_OTLP_PROTOCOL is {settings.OTLP_PROTOCOL!r}; the portal sends http/protobuf only.",
                hint="Unset it, and name the collector's port for HTTP, usually 4318.",
                id="portal.E021",
            )
        )
    return errors


def is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


@register()
def check_debug(**kwargs: Any) -> list[CheckMessage]:
    if not settings.DEBUG or not is_public(settings.HOST):
        return []
    return [
        Warning(
            f"DEBUG is on while HOST is {settings.HOST}: error pages show code and settings to everyone.",
            hint="Unset DEBUG.",
            id="portal.W001",
        )
    ]


@register()
def check_allowed_hosts(**kwargs: Any) -> list[CheckMessage]:
    if not is_public(settings.HOST) or not set(settings.ALLOWED_HOSTS) <= LOCAL_HOSTS:
        return []
    return [
        Warning(
            f"HOST is {settings.HOST}, but ALLOWED_HOSTS has only this machine's own names.",
            hint="List the names by which people reach the portal: ALLOWED_HOSTS=kpi.example.com,10.1.2.3",
            id="portal.W002",
        )
    ]


@register()
def check_metrics_directory(**kwargs: Any) -> list[CheckMessage]:
    """Whether the files that all processes map lie on memory: a full disk kills who writes to such a file."""
    path = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    kind = file_system_of(path) if path else None
    if kind is None or kind in MEMORY_FILE_SYSTEMS:
        return []
    return [
        Warning(
            f"PROMETHEUS_MULTIPROC_DIR is on {kind}: when that disk is full, processes die of SIGBUS.",
            hint="Use a directory below /dev/shm, or on another tmpfs.",
            id="portal.W003",
        )
    ]


@register()
def check_https(**kwargs: Any) -> list[CheckMessage]:
    if not settings.IS_HTTPS or settings.TRUSTED_PROXIES:
        return []
    return [
        Warning(
            f"PUBLIC_URL is {settings.PUBLIC_URL}, but no proxy is believed that a request came by https: "
            "such requests are redirected again and again.",
            hint="List the proxy in TRUSTED_PROXIES, or let the web server itself speak TLS.",
            id="portal.W004",
        )
    ]


@register()
def check_single_sign_on(**kwargs: Any) -> list[CheckMessage]:
    if not settings.OIDC_ISSUER or (settings.OIDC_CLIENT_ID and settings.OIDC_CLIENT_SECRET):
        return []
    return [
        Error(
            "OIDC_ISSUER is set, and OIDC_CLIENT_ID or OIDC_CLIENT_SECRET is not.",
            hint="The provider gives you both when you register the portal there.",
            id="people.E001",
        )
    ]


def file_system_of(path: str) -> str | None:
    """The type of the file system that the path is on; None where the system does not say."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    place = Path(path).resolve()
    # Of mounts at the same place the last one counts.
    found: tuple[int, str] | None = None
    for line in lines:
        _, mount, kind, *_ = line.split(" ")
        # Blanks in it are written as octal numbers (fstab(5)).
        mount = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), mount)
        if place.is_relative_to(mount) and (found is None or len(mount) >= found[0]):
            found = len(mount), kind
    return found[1] if found else None


@register()
def check_roles_of_claims(**kwargs: Any) -> list[CheckMessage]:
    unknown = sorted(set(settings.OIDC_ROLES.values()) - set(Role.values))
    if not unknown and bool(settings.OIDC_ROLES) == bool(settings.OIDC_ROLE_CLAIM):
        return []
    return [
        Error(
            f"OIDC_ROLES has roles that do not exist: {', '.join(unknown)}."
            if unknown
            else "OIDC_ROLES and OIDC_ROLE_CLAIM need each other, and one of them is not set.",
            hint=f"OIDC_ROLE_CLAIM=groups OIDC_ROLES=portal-admins=admin,staff=viewer; the roles are "
            f"{', '.join(Role.values)}.",
            id="people.E002",
        )
    ]


@register()
def check_local_sign_in(**kwargs: Any) -> list[CheckMessage]:
    if settings.LOCAL_SIGN_IN or settings.OIDC_ISSUER:
        return []
    return [
        Error(
            "LOCAL_SIGN_IN is off and OIDC_ISSUER is not set: nobody but superusers could sign in.",
            hint="Set OIDC_ISSUER, or unset LOCAL_SIGN_IN.",
            id="people.E003",
        )
    ]


@register()
def check_provider_over_https(**kwargs: Any) -> list[CheckMessage]:
    issuer = urlsplit(settings.OIDC_ISSUER)
    if not settings.OIDC_ISSUER or issuer.scheme == "https" or not is_public(issuer.hostname or ""):
        return []
    return [
        Error(
            f"OIDC_ISSUER is {settings.OIDC_ISSUER}, which is not an https address.",
            hint="Who can change what the provider answers could sign in as anybody.",
            id="people.E004",
        )
    ]


def is_public(host: str) -> bool:
    """Whether another machine may reach the address. A name other than localhost is taken as public."""
    try:
        return not ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host != "localhost"
