"""The pages of one's own account, and a new password by mail."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from people import mailing
from people.models import Role
from people.sessions import end_sessions, forget_ended
from tests.people.builders import PASSWORD, make_person
from tests.people.outside import link_in

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "another-battery-7"
RESET = "/password/reset/"


@pytest.fixture
def ada() -> User:
    return make_person("ada", role=Role.VIEWER, email="ada@example.com", password=PASSWORD)


def signed_in(name: str = "ada") -> Client:
    client = Client(HTTP_USER_AGENT="A browser")
    client.post("/login/", {"username": name, "password": PASSWORD})
    return client


def test_an_account_shows_its_role_and_its_limit(client: Client) -> None:
    client.force_login(make_person("ada", role=Role.ANALYST, environments=["staging"]))

    page = client.get("/account/").content.decode()

    assert "Analyst" in page
    assert "staging" in page


@pytest.mark.parametrize("path", ["", "password/", "confirm/", "sessions/", "second-factor/"])
def test_strangers_have_no_account(client: Client, path: str) -> None:
    assert client.get(f"/account/{path}").headers["Location"].startswith("/login/?next=")


# Passwords ------------------------------------------------------------------------------------------------


def test_a_new_password_ends_the_other_sessions(ada: User) -> None:
    here, there = signed_in(), signed_in()
    form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    here.post("/account/password/", form)

    assert (here.get("/").status_code, there.get("/").status_code) == (200, 302)
    assert User.objects.get().check_password(NEW_PASSWORD)


@pytest.mark.parametrize("password", ["short-1", "ada@example.com", "password123", "1234567890"])
def test_a_password_is_not_easily_guessed(ada: User, password: str) -> None:
    form = {"oldpassword": PASSWORD, "password1": password, "password2": password}

    answer = signed_in().post("/account/password/", form)

    assert answer.status_code == 200
    assert User.objects.get().check_password(PASSWORD)


def test_an_old_password_is_guessed_five_times_a_minute(ada: User) -> None:
    client = signed_in()
    form = {"oldpassword": "wrong", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    answers = [client.post("/account/password/", form).status_code for _ in range(6)]

    assert answers == [200] * 5 + [429]


def test_a_confirmation_is_guessed_as_often_as_a_password(ada: User) -> None:
    client = signed_in()
    for _ in range(5):
        client.post("/account/confirm/", {"password": "wrong"})

    answer = client.post("/account/confirm/", {"password": PASSWORD})

    assert "Too many failed login attempts" in answer.content.decode()


# Resets ---------------------------------------------------------------------------------------------------


def test_without_a_mail_server_the_page_says_whom_to_ask(client: Client, ada: User) -> None:
    page = client.post(RESET, {"email": "ada@example.com"})

    assert "This portal sends no mail" in page.content.decode()


@pytest.mark.usefixtures("has_mail")
def test_a_link_works_once(client: Client, ada: User, mailoutbox: list[EmailMessage]) -> None:
    there = signed_in()
    client.post(RESET, {"email": "ADA@example.com"})
    path = link_in(mailoutbox[0].message())
    form_path = client.get(path).headers["Location"]

    client.post(form_path, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    assert User.objects.get().check_password(NEW_PASSWORD)
    assert there.get("/").status_code == 302
    assert "does not work any more" in Client().get(path).content.decode()


@pytest.mark.usefixtures("has_mail")
def test_a_link_is_over_after_a_day(
    client: Client, ada: User, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post(RESET, {"email": "ada@example.com"})
    path = link_in(mailoutbox[0].message())

    later = timezone.now().replace(tzinfo=None) + timedelta(days=1, minutes=1)
    monkeypatch.setattr("django.contrib.auth.tokens.PasswordResetTokenGenerator._now", lambda self: later)

    assert "does not work any more" in client.get(path).content.decode()


@pytest.mark.usefixtures("has_mail")
def test_an_address_without_an_account_is_answered_alike(
    client: Client, ada: User, mailoutbox: list[EmailMessage]
) -> None:
    known = client.post(RESET, {"email": "ada@example.com"})
    unknown = client.post(RESET, {"email": "nobody@example.com"})

    assert (known.status_code, known.headers["Location"]) == (
        unknown.status_code,
        unknown.headers["Location"],
    )
    assert [message.to for message in mailoutbox] == [["ada@example.com"]]


@pytest.mark.usefixtures("has_mail")
@pytest.mark.parametrize("state", ["switched off", "without a password", "of the provider alone"])
def test_people_who_do_not_sign_in_with_a_password_get_no_link(
    client: Client, ada: User, settings: Settings, mailoutbox: list[EmailMessage], state: str
) -> None:
    ada.is_active = state != "switched off"
    if state == "without a password":
        ada.set_unusable_password()
    ada.save()
    settings.LOCAL_SIGN_IN = state != "of the provider alone"

    client.post(RESET, {"email": "ada@example.com"})

    assert mailoutbox == []


@pytest.mark.usefixtures("has_mail")
def test_links_are_asked_for_three_times_in_five_minutes(
    client: Client, ada: User, mailoutbox: list[EmailMessage]
) -> None:
    answers = [client.post(RESET, {"email": "ada@example.com"}).status_code for _ in range(4)]

    assert (answers, len(mailoutbox)) == ([302] * 3 + [429], 3)


@pytest.mark.usefixtures("has_mail")
def test_one_address_asks_for_ten_links_a_minute(client: Client) -> None:
    answers = [
        client.post(
            RESET, {"email": f"p-{number}@example.com"}, HTTP_X_FORWARDED_FOR=f"192.0.2.{number}"
        ).status_code
        for number in range(11)
    ]

    assert answers == [302] * 10 + [429]


@pytest.mark.parametrize("email", ["", "x", "a\0@example.com", "a" * 5000 + "@example.com"])
@pytest.mark.usefixtures("has_mail")
def test_what_is_no_address_is_said_so(client: Client, email: str) -> None:
    assert client.post(RESET, {"email": email}).status_code == 200


def test_a_mail_that_cannot_be_sent_is_logged_without_the_address(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    mailing.deliver(EmailMessage("s", "b", "from@example.com", ["ada@example.com"]))

    assert caplog.messages == ["A mail was not delivered: ConnectionRefusedError"]


# Sessions -------------------------------------------------------------------------------------------------


def test_sessions_are_listed_with_address_and_browser(ada: User) -> None:
    page = signed_in().get("/account/sessions/").content.decode()

    assert "127.0.0.1" in page
    assert "A browser" in page
    assert "this one" in page


@pytest.mark.parametrize("form", [{}, {"session": "the other"}])
def test_other_sessions_are_ended(ada: User, form: dict[str, str]) -> None:
    here, there = signed_in(), signed_in()
    other = UserSession.objects.get(session_key=there.session.session_key)

    here.post("/account/sessions/", {name: str(other.pk) for name in form})

    assert (here.get("/").status_code, there.get("/").status_code) == (200, 302)


@pytest.mark.parametrize("session", ["", "x", "-1", "9" * 30, "\0"])
def test_nobody_elses_session_is_ended(ada: User, session: str) -> None:
    make_person("bob", role=Role.VIEWER, password=PASSWORD)
    bob = signed_in("bob")
    of_bob = UserSession.objects.get().pk
    here = signed_in()

    here.post("/account/sessions/", {"session": session})
    here.post("/account/sessions/", {"session": str(of_bob)})

    assert bob.get("/").status_code == 200


def test_all_sessions_of_a_person_end(ada: User) -> None:
    clients = [signed_in(), signed_in()]

    assert end_sessions(user=ada) == 2
    assert [client.get("/").status_code for client in clients] == [302, 302]


def test_a_session_lasts_as_long_as_the_setting_says(ada: User, settings: Settings) -> None:
    settings.SESSION_COOKIE_AGE = 3 * 24 * 3600

    assert signed_in().session.get_expiry_age() == 3 * 24 * 3600


def test_sessions_that_are_over_are_forgotten(ada: User) -> None:
    signed_in()
    there = signed_in()
    Session.objects.filter(session_key=there.session.session_key).update(
        expire_date=timezone.now() - timedelta(seconds=1)
    )

    forget_ended()

    assert (Session.objects.count(), UserSession.objects.count()) == (1, 1)


# One's own provider ---------------------------------------------------------------------------------------


def test_where_the_provider_alone_lets_people_in_a_password_does_not(ada: User, settings: Settings) -> None:
    settings.LOCAL_SIGN_IN = False

    answer = Client().post("/login/", {"username": "ada", "password": PASSWORD})

    assert answer.headers["Location"] == "/login/?fault=local_sign_in_off"
    assert signed_in().get("/").status_code == 302


def test_superusers_keep_their_passwords(settings: Settings) -> None:
    settings.LOCAL_SIGN_IN = False
    User.objects.create_superuser("root", password=PASSWORD)

    assert signed_in("root").get("/").status_code == 200


def test_people_of_the_provider_have_no_password_page(ada: User, settings: Settings) -> None:
    client = signed_in()
    settings.LOCAL_SIGN_IN = False

    page = client.get("/account/password/", follow=True)

    assert page.redirect_chain == [("/account/", 302)]
    assert "your password is there" in page.content.decode()
