"""Environment variables as typed values. Every error is a sentence that names the variable."""

import os
from collections.abc import Sequence
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    """The variable's value, or the content of the file that NAME_FILE points to; stripped.

    Raises ImproperlyConfigured if both are set, or if the file cannot be read.
    """
    path = os.environ.get(f"{name}_FILE", "")
    if not path:
        return os.environ.get(name, default).strip()
    if os.environ.get(name):
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set; set one of them.")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read: {error}.") from error


def load(path: Path) -> None:
    """Set the variables of a file of NAME=value lines, except those that the environment already has.

    Skips empty lines and lines that begin with #, and removes quotes around a value. A missing file sets
    nothing. Raises ImproperlyConfigured for any other line.
    """
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.removeprefix("export ").partition("=")
        if not equals:
            raise ImproperlyConfigured(f"{path} has no NAME=value in line {number}.")
        os.environ.setdefault(name.strip(), strip_quotes(value.strip()))


def strip_quotes(value: str) -> str:
    is_quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value


def directory(name: str, *, default: Path) -> Path:
    """An absolute path to a directory, which is created if it is missing; only its owner may enter it then.

    Raises ImproperlyConfigured if it can't be created or written to.
    """
    path = Path(text(name, str(default)) or default).resolve()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name} is {path}, which can't be created: {error.strerror}.") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise ImproperlyConfigured(f"{name} is {path}, which can't be written to.")
    return path


def flag(name: str, *, default: bool) -> bool:
    """True for 1, true, yes, on; False for 0, false, no, off (any case)."""
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; it takes true or false.")


def integer(name: str, *, default: int, minimum: int, maximum: int) -> int:
    """A whole number from minimum to maximum, both included."""
    return int(number(name, default=default, minimum=minimum, maximum=maximum, whole=True))


def number(name: str, *, default: float, minimum: float, maximum: float, whole: bool = False) -> float:
    """A number from minimum to maximum, both included."""
    value = text(name)
    if not value:
        return default
    try:
        parsed: float = int(value) if whole else float(value)
    except ValueError:
        kind = "a whole number" if whole else "a number"
        raise ImproperlyConfigured(f"{name} is {value!r}; it takes {kind}.") from None
    if not minimum <= parsed <= maximum:
        raise ImproperlyConfigured(f"{name} is {value}; it takes {minimum} to {maximum}.")
    return parsed


def words(name: str, *, default: Sequence[str] = ()) -> list[str]:
    """A list of comma-separated words; empty ones are dropped."""
    value = text(name)
    return [part.strip() for part in value.split(",") if part.strip()] if value else list(default)
