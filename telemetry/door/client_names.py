"""What sent a post: the name and version of its client, as `name/version`, or as much of it as is known.

It is a help for people who look for the application that sends bad events. A client may say what it likes, so only
texts of the form of a name and a version are kept, and no browser's long description of itself.
"""

import re
from functools import lru_cache

from django.http import HttpRequest

from telemetry.intake.privacy import looks_like_pii

NAME = re.compile(r"[A-Za-z@][A-Za-z0-9@._/-]{0,39}")
VERSION = re.compile(r"v?[0-9][0-9A-Za-z.+-]{0,19}")
BROWSER = "browser"
# Longer texts are not looked at.
MAX_AGENT_LENGTH = 1000


def client_of(request: HttpRequest) -> str:
    """The client by its headers: X-Workbench-Client, else the first product of User-Agent; empty: not known."""
    meta = request.META
    return client_in(meta.get("HTTP_X_WORKBENCH_CLIENT") or meta.get("HTTP_USER_AGENT", ""))


# A client sends the same text with each post.
@lru_cache(maxsize=1024)
def client_in(agent: str) -> str:
    """`analytics-python/2.3` of `analytics-python/2.3 (linux)`; a browser's own is `browser`."""
    if not agent or len(agent) > MAX_AGENT_LENGTH:
        return ""
    product = agent.split(maxsplit=1)[0] if agent.strip() else ""
    name, _, version = product.rpartition("/")
    if name == "Mozilla":
        return BROWSER
    return client_name(name or version, version if name else "")


def client_name(name: str | None, version: str | None) -> str:
    """`name/version`, or the name alone where the version has another form; empty for a name of another form."""
    if not name or not NAME.fullmatch(name) or looks_like_pii(name):
        return ""
    return f"{name}/{version}" if version and VERSION.fullmatch(version) else name
