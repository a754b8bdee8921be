"""The mail server from EMAIL_URL, as Django's settings have it."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

SMTP = "django.core.mail.backends.smtp.EmailBackend"
CONSOLE = "django.core.mail.backends.console.EmailBackend"
NOWHERE = "django.core.mail.backends.dummy.EmailBackend"
# Scheme → usual port, STARTTLS, TLS from the start.
SCHEMES = {
    "smtp": (25, False, False),
    "smtp+tls": (587, True, False),
    "smtps": (465, False, True),
}


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """Django's EMAIL_… settings."""

    backend: str
    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = ""
    use_tls: bool = False
    use_ssl: bool = False


def from_url(url: str) -> MailServer:
    """The server of `smtp+tls://user:password@host:587`; without a URL mail goes nowhere, with `console://` to the log.

    Raises ImproperlyConfigured for another form. The sentence never shows the URL, which has a password in it.
    """
    if not url:
        return MailServer(backend=NOWHERE)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong("it is no URL") from None
    if parts.scheme == "console":
        return MailServer(backend=CONSOLE)
    if parts.scheme not in SCHEMES:
        raise wrong(f"it begins with one of {', '.join(f'{scheme}://' for scheme in SCHEMES)}, console://")
    if not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise wrong("it has the form smtp+tls://user:password@host:587; write special characters as %40")
    usual_port, use_tls, use_ssl = SCHEMES[parts.scheme]
    return MailServer(
        backend=SMTP,
        host=host,
        port=port or usual_port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        use_tls=use_tls,
        use_ssl=use_ssl,
    )


def wrong(sentence: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"EMAIL_URL can't be used: {sentence}.")
