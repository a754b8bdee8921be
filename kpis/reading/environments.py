"""Which environments there are, and which one a reader gets."""

from collections.abc import Sequence

from telemetry.models import Environment


class UnknownEnvironment(LookupError):
    """No environment has this name."""


def environments() -> list[str]:
    """Names of all environments, in alphabetical order."""
    return list(Environment.objects.order_by("name").values_list("name", flat=True))


def choose_environment(name: str, *, known: Sequence[str]) -> str:
    """The environment of that name. For "" it is production, else the first known one, else "".

    Raises UnknownEnvironment for a name that is not known.
    """
    if name and name not in known:
        raise UnknownEnvironment(name)
    if name or not known:
        return name
    return "production" if "production" in known else known[0]
