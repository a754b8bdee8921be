import pytest
from django.core.exceptions import ImproperlyConfigured

from config import mail
from config.mail import MailServer, from_url


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("", MailServer(backend=mail.NOWHERE)),
        ("console://", MailServer(backend=mail.CONSOLE)),
        ("smtp://mail.example", MailServer(backend=mail.SMTP, host="mail.example", port=25)),
        ("smtp://mail.example:2525/", MailServer(backend=mail.SMTP, host="mail.example", port=2525)),
        (
            "smtp+tls://jo%40example.com:p%3Aw%2F@mail.example",
            MailServer(
                backend=mail.SMTP,
                host="mail.example",
                port=587,
                user="jo@example.com",
                password="p:w/",
                use_tls=True,
            ),
        ),
        ("smtps://[::1]", MailServer(backend=mail.SMTP, host="::1", port=465, use_ssl=True)),
    ],
)
def test_a_url_names_a_mail_server(url: str, server: MailServer) -> None:
    assert from_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "mail.example:25",
        "http://jo:secret@mail.example",
        "smtp://jo:secret@",
        "smtp://jo:secret@mail.example:many",
        "smtp://jo:sec/ret@mail.example",
        "smtp://jo:secret@mail.example?tls=1",
        "smtp://[jo:secret@mail.example",
    ],
)
def test_another_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL can't be used") as caught:
        from_url(url)

    assert "secret" not in str(caught.value)
