"""Signing in as people do it: in a browser, with a real provider of OpenID Connect and a real receiver of mail."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings as portal_settings
from django.contrib.auth.models import User
from playwright.sync_api import Browser, CDPSession, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from people.models import Role
from people.roles import role_of
from tests.people.builders import PASSWORD, make_person
from tests.people.outside import Mailbox, OpenIDProvider, link_in, running_mailbox, running_provider

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NEW_PASSWORD = "another-battery-7"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIDProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def running_mail() -> Iterator[Mailbox]:
    with running_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def sign_on(provider: OpenIDProvider, settings: Settings) -> OpenIDProvider:
    """The provider, known to the portal."""
    connect = portal_settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]
    app = {
        "provider_id": "oidc",
        "name": "Example ID",
        "client_id": "portal",
        "secret": "a secret",
        "settings": {"server_url": provider.origin},
    }
    settings.OIDC_ISSUER, settings.OIDC_NAME = provider.origin, "Example ID"
    settings.OIDC_ROLE_CLAIM, settings.OIDC_ROLES = "roles", {"portal-admins": "admin", "staff": "viewer"}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {**connect, "APPS": [app]}}
    return provider


@pytest.fixture
def mailbox(running_mail: Mailbox, settings: Settings) -> Mailbox:
    """The receiver that the portal hands its mail to."""
    settings.EMAIL_URL = f"smtp://127.0.0.1:{running_mail.port}"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running_mail.port
    return running_mail


@dataclass
class Walk:
    """A tab on the portal, and what its pages complained of."""

    page: Page
    origin: str
    faults: list[str] = field(default_factory=list)

    def goto(self, path: str) -> None:
        self.page.goto(self.origin + path)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).click()

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"[name={name}]:visible").fill(value)

    def sign_in(self, name: str, password: str = PASSWORD) -> None:
        self.goto("/login/")
        self.fill(username=name, password=password)
        self.press("Sign in")

    def sign_out(self) -> None:
        self.goto("/account/")
        self.page.locator("main").get_by_role("button", name="Sign out").click()
        self.page.wait_for_url("**/login/")

    def says(self, text: str) -> bool:
        self.page.get_by_text(text).first.wait_for()
        return True

    def who(self) -> str:
        return self.page.locator(".who summary").inner_text()


@pytest.fixture
def walk(live_server: LiveServer, browser: Browser) -> Iterator[Walk]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    walk = Walk(page=context.new_page(), origin=live_server.url)
    walk.page.on("pageerror", lambda error: walk.faults.append(str(error)))
    walk.page.on(
        "console",
        lambda message: walk.faults.append(message.text) if "Security Policy" in message.text else None,
    )
    yield walk
    context.close()
    assert walk.faults == []


def authenticate_at_provider(walk: Walk, sub: str) -> None:
    walk.goto("/login/")
    walk.follow("Sign in with Example ID")
    walk.page.locator("input[name=sub]").fill(sub)
    walk.press("Authorize")
    walk.page.wait_for_url(f"{walk.origin}/**")


# Single sign-on -------------------------------------------------------------------------------------------


def test_a_person_of_the_provider_gets_an_account_with_the_role_of_their_claim(
    walk: Walk, sign_on: OpenIDProvider
) -> None:
    person = {"email": "ada@example.com", "email_verified": True, "preferred_username": "ada"}
    sign_on.has("s-1", **person, roles=["portal-admins"])

    authenticate_at_provider(walk, "s-1")

    user = User.objects.get()
    assert (walk.who(), user.email, role_of(user), user.is_staff) == (
        "ada",
        "ada@example.com",
        Role.ADMIN,
        True,
    )

    sign_on.has("s-1", **person, roles=["staff"])
    walk.sign_out()
    authenticate_at_provider(walk, "s-1")

    user = User.objects.get()
    assert (role_of(user), user.is_staff) == (Role.VIEWER, False)


@pytest.mark.parametrize("is_verified", [True, False, "false", None])
def test_only_a_verified_address_is_linked_to_the_account_that_has_it(
    walk: Walk, sign_on: OpenIDProvider, is_verified: object
) -> None:
    bob = make_person("bob", role=Role.VIEWER, email="bob@example.com", password=PASSWORD)
    sign_on.has(f"b-{is_verified}", email="Bob@example.com", email_verified=is_verified, roles=["staff"])

    authenticate_at_provider(walk, f"b-{is_verified}")

    if is_verified is True:
        assert walk.who() == "bob"
    else:
        assert walk.says("does not say that the address is yours")
    assert User.objects.get() == bob
    assert User.objects.get().has_usable_password()


def test_a_person_who_says_no_at_the_provider_is_back_at_the_sign_in(
    walk: Walk, sign_on: OpenIDProvider
) -> None:
    walk.goto("/login/")
    walk.follow("Sign in with Example ID")

    walk.press("Deny")

    # This provider does not send the state back, so it cannot be told from somebody else's answer.
    assert walk.says("The provider did not sign you in.")
    assert not User.objects.exists()


# Second factors -------------------------------------------------------------------------------------------


def code_for(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def test_an_app_is_set_up_and_signs_in_and_so_does_a_recovery_code(walk: Walk) -> None:
    make_person("ada", role=Role.VIEWER, password=PASSWORD)
    walk.sign_in("ada")
    walk.goto("/account/second-factor/")
    walk.follow("Set up an app")
    walk.fill(password=PASSWORD)
    walk.press("Confirm")
    secret = walk.page.locator("code.secret").inner_text()
    walk.fill(code=code_for(secret))
    walk.press("Set it up")
    codes = walk.page.locator("pre.codes").inner_text().split()

    walk.sign_out()
    walk.sign_in("ada")
    walk.fill(code="000000" if code_for(secret) != "000000" else "000001")
    walk.press("Sign in")
    assert walk.says("Incorrect code.")
    walk.fill(code=code_for(secret))
    walk.press("Sign in")
    assert walk.who() == "ada"

    walk.sign_out()
    walk.sign_in("ada")
    walk.fill(code=codes[0])
    walk.press("Sign in")
    assert walk.who() == "ada"
    assert len(codes) == 10


def virtual_authenticator(page: Page) -> CDPSession:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session


def test_a_passkey_is_added_and_signs_in_alone(walk: Walk) -> None:
    make_person("ada", role=Role.VIEWER, password=PASSWORD)
    virtual_authenticator(walk.page)
    walk.sign_in("ada")
    walk.goto("/account/second-factor/passkeys/add/")
    walk.fill(password=PASSWORD)
    walk.press("Confirm")
    walk.fill(name="laptop")
    walk.page.locator("[name=passwordless]").check()
    walk.press("Add it")
    assert walk.says("Recovery codes")

    walk.sign_out()
    walk.press("Sign in with a passkey")
    walk.page.wait_for_url(f"{walk.origin}/")

    assert walk.who() == "ada"
    walk.goto("/account/second-factor/")
    assert walk.says("laptop")


def test_who_needs_a_second_factor_can_do_nothing_before_they_have_one(
    walk: Walk, settings: Settings
) -> None:
    settings.REQUIRE_SECOND_FACTOR = "staff"
    make_person("ada", role=Role.ADMIN, password=PASSWORD)
    virtual_authenticator(walk.page)

    walk.sign_in("ada")
    walk.goto("/admin/")
    assert walk.says("Your account needs a second factor.")
    walk.follow("Add a passkey")
    walk.fill(password=PASSWORD)
    walk.press("Confirm")
    walk.press("Add it")
    assert walk.says("Recovery codes")
    walk.goto("/admin/")

    assert walk.page.url == f"{walk.origin}/admin/"


# Mail -----------------------------------------------------------------------------------------------------


def test_a_password_is_reset_by_mail(walk: Walk, mailbox: Mailbox) -> None:
    make_person("ada", role=Role.VIEWER, email="ada@example.com", password=PASSWORD)
    walk.goto("/login/")
    walk.follow("Forgot the password?")
    walk.fill(email="ada@example.com")
    walk.press("Send the link")
    assert walk.says("Look into your mail")

    mail = mailbox.next_mail()
    walk.goto(link_in(mail))
    walk.fill(password1=NEW_PASSWORD, password2=NEW_PASSWORD)
    walk.press("Save it")
    assert walk.says("The password was changed")
    walk.sign_in("ada", NEW_PASSWORD)

    assert walk.who() == "ada"
    assert (mail["To"], mail["Subject"]) == (
        "ada@example.com",
        "Choose a new password for Workbench analytics",
    )
    # What was changed is told as well.
    assert "assword" in str(mailbox.next_mail()["Subject"])


def test_an_invitation_is_made_mailed_and_accepted(walk: Walk, mailbox: Mailbox) -> None:
    make_person("root", role=Role.ADMIN, password=PASSWORD)
    walk.sign_in("root")
    walk.goto("/admin/people/invitation/add/")
    walk.fill(email="eve@example.com")
    walk.page.locator("select[name=role]").select_option("analyst")
    walk.page.locator("[name=_save]").first.click()
    walk.page.wait_for_url("**/admin/people/invitation/")
    walk.sign_out()

    walk.goto(link_in(mailbox.next_mail()))
    walk.fill(username="eve", password1=NEW_PASSWORD, password2=NEW_PASSWORD)
    walk.press("Make the account")
    walk.page.wait_for_url(f"{walk.origin}/")

    eve = User.objects.get(username="eve")
    assert (walk.who(), eve.email, role_of(eve)) == ("eve", "eve@example.com", Role.ANALYST)


def test_sessions_are_listed_and_ended(walk: Walk, live_server: LiveServer, browser: Browser) -> None:
    make_person("ada", role=Role.VIEWER, password=PASSWORD)
    other = Walk(page=browser.new_context().new_page(), origin=live_server.url)
    other.sign_in("ada")
    walk.sign_in("ada")
    walk.goto("/account/sessions/")

    walk.press("End")
    assert walk.says("Sessions ended: 1.")
    other.goto("/")

    assert re.search(r"/login/\?next=/$", other.page.url)
    other.page.context.close()
