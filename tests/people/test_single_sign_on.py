"""Who gets in through the provider, and as whom. The provider is a table of answers; the walk has a real one."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings as portal_settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from people.access import limit_of
from people.invitations import invite
from people.models import Invitation, Role
from people.roles import role_of
from people.views import sign_on
from tests.people.builders import make_person

pytestmark = pytest.mark.django_db

ISSUER = "https://id.example.com"
CONFIGURATION = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "jwks_uri": f"{ISSUER}/jwks",
}
ADA = {"sub": "s-1", "email": "ada@example.com", "email_verified": True, "preferred_username": "ada"}


class Answers:
    """What the provider answers: `claims` in the ID token and, if `info` is None, as the user info too."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = dict(ADA)
        self.info: dict[str, Any] | None = None
        self.nonce: str | None = None
        self.status = 200
        self.asked: list[tuple[str, str, Any]] = []

    def request(self, session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
        self.asked.append((method, url, options.get("data")))
        response = requests.Response()
        response.status_code = self.status
        response.headers["Content-Type"] = "application/json"
        response._content = json.dumps(self.answer(urlsplit(url).path)).encode()
        return response

    def answer(self, path: str) -> dict[str, Any]:
        if path == "/token":
            return {"access_token": "t", "token_type": "Bearer", "id_token": self.id_token()}
        return self.userinfo() if path == "/userinfo" else CONFIGURATION

    def userinfo(self) -> dict[str, Any]:
        return self.claims if self.info is None else self.info

    def id_token(self) -> str:
        now = timezone.now()
        claims = {
            **self.claims,
            "iss": ISSUER,
            "aud": "portal",
            "iat": now,
            "exp": now + timedelta(minutes=5),
        }
        return jwt.encode({**claims, "nonce": self.nonce}, "k" * 32)


@pytest.fixture
def answers(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    connect = portal_settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]
    app = {
        "provider_id": "oidc",
        "name": "Example ID",
        "client_id": "portal",
        "secret": "a secret",
        "settings": {"server_url": ISSUER},
    }
    settings.OIDC_ISSUER = ISSUER
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {**connect, "APPS": [app]}}
    answers = Answers()
    monkeypatch.setattr(
        requests.Session, "request", lambda *args, **options: answers.request(*args, **options)
    )
    return answers


def go(client: Client, answers: Answers, *, nonce: str | None = None, query: str = "") -> str:
    """Signs in at the provider and comes back. Where that leads."""
    asked = parse_qs(urlsplit(client.get(f"/login/sso/{query}").headers["Location"]).query)
    answers.nonce = nonce if nonce is not None else asked["nonce"][0]
    back = client.get("/login/sso/callback/", {"code": "c", "state": asked["state"][0]})
    return back.headers["Location"]


def test_without_a_provider_there_is_no_single_sign_on(client: Client) -> None:
    assert client.get("/login/sso/").status_code == 404
    assert client.get("/login/sso/callback/", {"code": "c", "state": "s"}).status_code == 404
    assert "sso" not in client.get("/login/").content.decode()


def test_asks_for_what_the_settings_say(client: Client, answers: Answers, settings: Settings) -> None:
    settings.OIDC_SCOPES = ["openid", "email", "groups"]

    location = client.get("/login/sso/?scope=admin&auth_params=prompt%3Dnone&process=connect").headers[
        "Location"
    ]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}

    assert location.startswith(f"{ISSUER}/authorize?")
    assert asked.keys() == {
        "client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge",
        "code_challenge_method",
    }  # fmt: skip
    assert set(asked["scope"].split()) == {"openid", "email", "groups"}
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "http://testserver/login/sso/callback/"


def test_proves_that_it_is_the_one_who_asked(client: Client, answers: Answers) -> None:
    go(client, answers)

    data = next(data for method, url, data in answers.asked if url.endswith("/token"))
    assert len(data["code_verifier"]) >= 43


def test_leads_on_to_the_page_that_was_asked_for(client: Client, answers: Answers) -> None:
    assert go(client, answers, query="?next=/kpis/approval-rate/") == "/kpis/approval-rate/"
    assert go(Client(), answers, query="?next=https://evil.example/") == "/"


def test_makes_an_account_without_a_password_and_without_a_role(client: Client, answers: Answers) -> None:
    go(client, answers)

    user = User.objects.get()
    assert (user.username, user.email, user.has_usable_password()) == ("ada", "ada@example.com", False)
    assert client.get("/").status_code == 403


def test_the_second_sign_in_is_the_same_person(client: Client, answers: Answers) -> None:
    go(client, answers)
    answers.claims["email"] = "new@example.com"

    go(Client(), answers)

    assert User.objects.count() == 1


def test_a_name_never_stands_for_somebodys_address(client: Client, answers: Answers) -> None:
    make_person("root", email="root@example.com")
    answers.claims["preferred_username"] = "root@example.com"

    go(client, answers)

    assert sorted(User.objects.values_list("username", flat=True)) == ["ada", "root"]


@pytest.mark.parametrize("name", ["", "\0", "a" * 500, "<script>", "ada ada", "ädä", 7, None, ["x"], "@"])
def test_odd_names_make_an_account(client: Client, answers: Answers, name: object) -> None:
    answers.claims |= {"preferred_username": name, "name": name, "given_name": name}

    go(client, answers)

    assert User.objects.count() == 1


# Refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nonce", ["", "another"])
def test_an_answer_to_another_request_is_refused(client: Client, answers: Answers, nonce: str) -> None:
    assert go(client, answers, nonce=nonce) == "/login/?fault=sign_on_failed"
    assert not User.objects.exists()


def test_user_info_of_somebody_else_is_refused(client: Client, answers: Answers) -> None:
    answers.info = {**ADA, "sub": "s-2"}

    assert go(client, answers) == "/login/?fault=sign_on_failed"


@pytest.mark.parametrize(
    "query",
    ["", "code=c", "code=c&state=x", "error=server_error", "state=%00&code=%00", "state=" + "x" * 5000],
)
def test_an_answer_that_nobody_asked_for_is_refused(client: Client, answers: Answers, query: str) -> None:
    location = client.get("/login/sso/callback/", QUERY_STRING=query).headers["Location"]

    assert location == "/login/?fault=sign_on_failed"


def test_a_person_who_said_no_is_told_so(client: Client, answers: Answers) -> None:
    asked = parse_qs(urlsplit(client.get("/login/sso/").headers["Location"]).query)

    back = client.get("/login/sso/callback/", {"error": "access_denied", "state": asked["state"][0]})

    assert back.headers["Location"] == "/login/?fault=sign_on_cancelled"


@pytest.mark.parametrize("status", [500, 404])
def test_a_provider_that_does_not_answer_is_named(client: Client, answers: Answers, status: int) -> None:
    answers.status = status

    assert client.get("/login/sso/").headers["Location"] == "/login/?fault=sign_on_unreachable"


@pytest.mark.parametrize("claims", [{"sub": ""}, {"sub": "x" * 500}, {"email": 7, "email_verified": True}])
def test_odd_claims_make_nothing_fail(client: Client, answers: Answers, claims: dict[str, Any]) -> None:
    answers.claims |= claims

    assert go(client, answers).startswith("/")


@pytest.mark.parametrize(
    ("domains", "email", "is_let_in"),
    [
        ([], "ada@example.com", True),
        (["example.com"], "ada@Example.com", True),
        (["example.com"], "ada@evil-example.com", False),
        (["example.com"], "ada@sub.example.com", False),
        (["example.com"], "", False),
    ],
)
def test_only_addresses_of_the_domains_are_let_in(
    client: Client, answers: Answers, settings: Settings, domains: list[str], email: str, is_let_in: bool
) -> None:
    settings.OIDC_MAIL_DOMAINS = domains
    answers.claims["email"] = email

    location = go(client, answers)

    assert (location == "/") is is_let_in
    assert User.objects.exists() is is_let_in


def test_an_unverified_address_is_of_no_domain(client: Client, answers: Answers, settings: Settings) -> None:
    settings.OIDC_MAIL_DOMAINS = ["example.com"]
    answers.claims["email_verified"] = False

    assert go(client, answers) == "/login/?fault=sign_on_mail_domain"


def test_an_unverified_address_is_not_stored(client: Client, answers: Answers) -> None:
    answers.claims["email_verified"] = False

    go(client, answers)

    assert User.objects.get().email == ""


# Existing accounts ----------------------------------------------------------------------------------------


def test_a_verified_address_is_linked_and_keeps_its_password(client: Client, answers: Answers) -> None:
    make_person("bob", role=Role.ANALYST, email="Ada@Example.com", password="x")

    assert go(client, answers) == "/"
    bob = User.objects.get()
    assert (role_of(bob), bob.has_usable_password()) == (Role.ANALYST, True)


def test_a_person_who_was_unlinked_is_linked_anew(
    client: Client, answers: Answers, admin_client: Client
) -> None:
    go(client, answers)
    person = User.objects.get(username="ada")
    answers.claims["sub"] = "another"
    refused = go(Client(), answers)

    admin_client.post("/admin/auth/user/", {"action": "unlink_selected", "_selected_action": [person.pk]})

    assert (refused, go(Client(), answers)) == ("/login/?fault=sign_on_account_taken", "/")
    assert SocialAccount.objects.get().user == person


def test_a_persons_address_is_in_one_place(client: Client, answers: Answers) -> None:
    go(client, answers)

    assert not EmailAddress.objects.exists()


@pytest.mark.parametrize("case", ["unverified", "shared", "superuser", "of another person of the provider"])
def test_no_account_is_taken_over(client: Client, answers: Answers, case: str) -> None:
    user = make_person("bob", email="ada@example.com", is_superuser=case == "superuser")
    if case == "shared":
        make_person("eve", email="ada@example.com")
    if case == "of another person of the provider":
        SocialAccount.objects.create(user=user, provider="oidc", uid="s-0")
    answers.claims["email_verified"] = case != "unverified"

    location = go(client, answers)

    assert location.startswith("/login/?fault=sign_on_")
    assert not SocialAccount.objects.filter(uid="s-1").exists()
    assert "_auth_user_id" not in client.session


def test_people_who_were_switched_off_are_not_let_in(client: Client, answers: Answers) -> None:
    make_person("bob", email="ada@example.com", is_active=False)

    assert go(client, answers) == "/login/closed/"


# Invitations and roles ------------------------------------------------------------------------------------


def test_where_no_accounts_are_made_strangers_stay_outside(
    client: Client, answers: Answers, settings: Settings
) -> None:
    settings.OIDC_CREATE_ACCOUNTS = False

    assert go(client, answers) == "/login/?fault=sign_on_no_account"
    assert not User.objects.exists()


@pytest.mark.parametrize("is_verified", [True, False])
def test_an_invited_person_signs_in_through_the_provider(
    client: Client, answers: Answers, settings: Settings, is_verified: bool
) -> None:
    settings.OIDC_CREATE_ACCOUNTS = False
    answers.claims["email_verified"] = is_verified
    invite(
        email="ada@example.com",
        role=Role.OPERATOR,
        environments=["staging"],
        by=None,
        lasts=timedelta(days=1),
        now=timezone.now(),
    )

    go(client, answers)

    assert User.objects.exists() is is_verified
    assert (Invitation.objects.get().accepted_at is not None) is is_verified
    for user in User.objects.all():
        assert (role_of(user), limit_of(user)) == (Role.OPERATOR, {"staging"})


def test_a_role_follows_its_claim_at_each_sign_in(
    client: Client, answers: Answers, settings: Settings
) -> None:
    settings.OIDC_ROLE_CLAIM, settings.OIDC_ROLES = "groups", {"bosses": "admin"}
    answers.claims["groups"] = ["bosses"]
    go(client, answers)
    before = User.objects.get().is_staff

    answers.claims["groups"] = []
    go(Client(), answers)

    assert (before, User.objects.get().is_staff) == (True, False)
    assert client.get("/admin/", follow=True).status_code == 403


def test_where_local_sign_in_is_off_the_provider_still_lets_in(
    client: Client, answers: Answers, settings: Settings
) -> None:
    settings.LOCAL_SIGN_IN = False

    assert go(client, answers) == "/"


def test_the_provider_is_asked_for_its_addresses_once(answers: Answers) -> None:
    for _ in range(3):
        go(Client(), answers)

    asked = [url for _, url, _ in answers.asked if url.endswith("openid-configuration")]
    assert len(asked) == 1


def test_who_cannot_talk_to_the_provider_soon_is_sent_back(
    client: Client, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_on, "WAIT_SECONDS", 0.0)

    with sign_on.talk():
        answer = client.get("/login/sso/")

    assert answer.headers["Location"] == "/login/?fault=sign_on_unreachable"


def test_sign_ins_are_begun_thirty_times_a_minute(answers: Answers) -> None:
    statuses = [Client().get("/login/sso/").status_code for _ in range(31)]

    assert statuses == [302] * 30 + [429]
