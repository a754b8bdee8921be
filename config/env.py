"""Environment variables as typed values. Every error is a sentence that names the variable."""

import contextlib
import os
import secrets
import tempfile
import zoneinfo
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

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


def secret(name: str, *, kept_in: Path) -> tuple[str, bool]:
    """The variable's value, or one that is generated once and kept in the file, readable by its owner only.

    Also whether this process generated it just now.
    """
    configured = text(name)
    if configured:
        return configured, False
    is_new = False
    if not kept_in.exists():
        # Written to another file and linked: a reader never sees half a key, and of two starts the first wins.
        with tempfile.NamedTemporaryFile("w", dir=kept_in.parent, encoding="ascii") as file:
            file.write(secrets.token_urlsafe(50))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, kept_in)
                is_new = True
    return kept_in.read_text(encoding="ascii").strip(), is_new


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


def directory(name: str, *, default: Path, may_create: bool = True) -> Path:
    """An absolute path to a directory. If it is missing it is created, and only its owner may enter it.

    Raises ImproperlyConfigured if it can't be created or written to, or is missing and must not be created.
    """
    path = Path(text(name, str(default)) or default).resolve()
    if not may_create and not path.is_dir():
        raise ImproperlyConfigured(f"{name} is {path}, which was there when the portal started, and is gone.")
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


def zone(name: str) -> str:
    """The name of a time zone; UTC where it is not set."""
    value = text(name, "UTC")
    if value not in zoneinfo.available_timezones():
        raise ImproperlyConfigured(
            f"{name} is {value!r}; it takes a zone of the IANA database, like Europe/Berlin."
        )
    return value


def choice(name: str, *, choices: Sequence[str]) -> str:
    """One of the choices, in lower case; the first is the default."""
    value = text(name).lower() or choices[0]
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}; it takes {', '.join(choices)}.")
    return value


def pairs(name: str) -> dict[str, str]:
    """A table of comma-separated `key=value` words; of two with one key the last counts."""
    parts = [word.rpartition("=") for word in words(name)]
    if any(not key or not value for key, _, value in parts):
        raise ImproperlyConfigured(f"{name} can't be read; it takes key=value, separated by commas.")
    return {key.strip(): value.strip() for key, _, value in parts}


def origin(name: str) -> str:
    """`scheme://host` or `scheme://host:port` of an http or https address, in lower case; "" where it is not set."""
    value = text(name)
    return parsed_origin(value, name=name) if value else ""


def parsed_origin(value: str, *, name: str) -> str:
    """Raises ImproperlyConfigured for what is no origin; the sentence names the variable."""
    try:
        parts = urlsplit(value)
        is_origin = parts.port != 0 and bool(parts.hostname) and parts.scheme in {"http", "https"}
    except ValueError:
        is_origin = False
    if not is_origin or "@" in parts.netloc or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ImproperlyConfigured(f"{name} is {value!r}; it takes an origin, like https://kpi.example.com.")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def origins(name: str) -> list[str]:
    """A list of comma-separated origins, each as `origin` takes it."""
    return [parsed_origin(word, name=name) for word in words(name)]


def hosts_of(origin: str) -> list[str]:
    """The origin's host as ALLOWED_HOSTS writes it, in a list; [] for ""."""
    host = urlsplit(origin).hostname
    return [f"[{host}]" if ":" in host else host] if host else []


def words(name: str, *, default: Sequence[str] = ()) -> list[str]:
    """A list of comma-separated words; empty ones are dropped."""
    value = text(name)
    return [part.strip() for part in value.split(",") if part.strip()] if value else list(default)


def webhook(name: str) -> str:
    """An address to post to: https, or http on this machine. It is a secret, so no sentence shows it.

    Raises ImproperlyConfigured for another one.
    """
    value = text(name)
    if value and not is_safe_address(value):
        raise ImproperlyConfigured(
            f"{name} must begin with https://, or name this machine (http://127.0.0.1:8065/x)."
        )
    return value


def link_template(name: str, *, placeholder: str) -> str:
    """An address for people with a placeholder in it. Raises ImproperlyConfigured for one that leads nowhere."""
    value = text(name)
    if value and not (value.startswith(("https://", "http://")) and placeholder in value):
        raise ImproperlyConfigured(f"{name} must begin with https:// or http://, and contain {placeholder}.")
    return value


def is_safe_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or any(character.isspace() for character in url):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
