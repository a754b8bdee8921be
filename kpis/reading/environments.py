"""Which environment a reader gets."""

from collections.abc import Sequence


class UnknownEnvironment(LookupError):
    """No environment has this name."""


def choose_environment(name: str, *, environments: Sequence[str]) -> str:
    """The environment of that name. For "" it is production, else the first of the environments, else "".

    Raises UnknownEnvironment for a name that is not among the environments.
    """
    if name and name not in environments:
        raise UnknownEnvironment(name)
    if name or not environments:
        return name
    return "production" if "production" in environments else environments[0]
