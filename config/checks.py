"""System checks of the settings, for rules that no single setting can check. docs/settings.md lists their ids."""

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from web.peers import networks_of

LOCAL_HOSTS = {"127.0.0.1", "localhost", "[::1]"}
SHORTEST_SECRET = 32


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


def is_public(host: str) -> bool:
    """Whether another machine may reach the address. A name other than localhost is taken as public."""
    try:
        return not ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host != "localhost"
