import json
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from people.models import Role
from people.second_factor import has_second_factor, remove_second_factors
from tests.people.builders import PASSWORD, make_person

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODE_PAGE = "/login/second-factor/"


@pytest.fixture
def ada() -> User:
    """A person with an app and recovery codes."""
    user = make_person("ada", role=Role.VIEWER, password=PASSWORD)
    TOTP.activate(user, SECRET)
    RecoveryCodes.activate(user)
    return user


def code(*, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30 + steps))


def sign_in(client: Client, *, peer: str = "192.0.2.1") -> str:
    """Where a right password leads."""
    form = {"username": "ada", "password": PASSWORD}
    return client.post("/login/", form, REMOTE_ADDR=peer).headers["Location"]


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_password_alone_does_not_sign_in(client: Client, ada: User) -> None:
    assert sign_in(client) == CODE_PAGE
    assert not is_signed_in(client)


def test_a_code_signs_in_once(client: Client, ada: User) -> None:
    once = code()
    sign_in(client)
    client.post(CODE_PAGE, {"code": once})
    assert is_signed_in(client)
    client.post("/logout/")
    sign_in(client)

    client.post(CODE_PAGE, {"code": once})

    assert not is_signed_in(client)


def test_a_recovery_code_signs_in_once(client: Client, ada: User) -> None:
    codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    sign_in(client)
    client.post(CODE_PAGE, {"code": codes[0]})
    assert is_signed_in(client)
    client.post("/logout/")
    sign_in(client)

    client.post(CODE_PAGE, {"code": codes[0]})

    assert not is_signed_in(client)


@pytest.mark.parametrize("wrong", ["", "\0", "1" * 100_000, "abc", "٣٣٣٣٣٣"])
def test_no_other_code_signs_in(client: Client, ada: User, wrong: str) -> None:
    sign_in(client)

    assert client.post(CODE_PAGE, {"code": wrong}).status_code == 200
    assert not is_signed_in(client)


def test_after_five_wrong_codes_the_right_one_is_refused_too(client: Client, ada: User) -> None:
    for _ in range(5):
        sign_in(client)
        client.post(CODE_PAGE, {"code": "000000"})
    sign_in(client, peer="198.51.100.1")

    answer = client.post(CODE_PAGE, {"code": code()}, REMOTE_ADDR="198.51.100.1")

    assert "Too many failed login attempts" in answer.content.decode()
    assert not is_signed_in(client)


def test_a_right_code_does_not_forget_the_guesses_of_the_address(client: Client, ada: User) -> None:
    make_person("bob", password=PASSWORD)
    for number in range(9):
        client.post("/login/", {"username": f"nobody-{number}", "password": "x"}, REMOTE_ADDR="192.0.2.1")
    sign_in(client)
    client.post(CODE_PAGE, {"code": code()}, REMOTE_ADDR="192.0.2.1")
    client.post("/logout/")

    answers = [
        client.post("/login/", {"username": f"other-{number}", "password": "x"}, REMOTE_ADDR="192.0.2.1")
        for number in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 429]


def test_secrets_are_stored_encrypted(ada: User) -> None:
    stored = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))

    assert SECRET not in stored
    assert all(code not in stored for code in Authenticator.objects.last().wrap().get_unused_codes())  # type: ignore[union-attr]


def test_with_another_secret_key_no_code_is_right_and_nothing_fails(
    client: Client, ada: User, settings: Settings
) -> None:
    settings.SECRET_KEY = "another secret key that has enough characters"
    sign_in(client)

    assert client.post(CODE_PAGE, {"code": code()}).status_code == 200
    assert not is_signed_in(client)


def test_second_factors_are_removed_with_their_recovery_codes(ada: User) -> None:
    before = has_second_factor(ada)

    assert remove_second_factors(ada) == 2
    assert (before, has_second_factor(ada), remove_second_factors(ada)) == (True, False, 0)


def test_a_second_factor_is_shown_and_changed_only_after_a_confirmation(client: Client) -> None:
    client.force_login(make_person("ada", password=PASSWORD))

    for path in ("app/", "passkeys/add/", "codes/new/"):
        answer = client.get(f"/account/second-factor/{path}")
        assert answer.headers["Location"].startswith("/account/confirm/?next=")


# Required -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("required", "role", "leads"),
    [
        ("none", Role.ADMIN, False),
        ("staff", Role.OPERATOR, False),
        ("staff", Role.ADMIN, True),
        ("all", Role.VIEWER, True),
    ],
)
def test_people_who_need_a_second_factor_are_led_to_it(
    client: Client, settings: Settings, required: str, role: Role, leads: bool
) -> None:
    settings.REQUIRE_SECOND_FACTOR = required
    client.force_login(make_person("ada", role=role))

    for path in ("/", "/kpis/approval-rate/", "/account/", "/account/sessions/", "/no/such/page/"):
        location = client.get(path).headers.get("Location")
        assert (location == "/account/second-factor/") == (leads and path != "/no/such/page/")
    assert (client.get("/api/kpis/").status_code == 403) == leads


def test_superusers_are_staff_here(client: Client, settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = "staff"
    client.force_login(User.objects.create_superuser("root"))

    assert client.get("/admin/").headers["Location"] == "/account/second-factor/"
    assert "needs a second factor" in client.get("/account/second-factor/").content.decode()
    assert client.get("/api/kpis/").json()["code"] == "second_factor_required"


def test_everything_opens_with_the_second_factor(client: Client, ada: User, settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = "all"
    client.force_login(ada)

    assert client.get("/").status_code == 200


# Passkeys -------------------------------------------------------------------------------------------------

CREDENTIALS = [
    "", "x", "null", "[]", "{}", "1", '{"response": 1}', '{"response": {}}', '{"response": {"userHandle": 1}}',
    '{"response": {"userHandle": "MQ"}}', '{"id": "\\u0000", "rawId": "x", "response": {"clientDataJSON": "eA"}}',
    '{"id":"eA","rawId":"eA","type":"public-key","response":{"clientDataJSON":"eA","attestationObject":"_w",'
    '"authenticatorData":"eA","signature":"eA","userHandle":"MQ"}}',
    "[" * 100_000, '{"response": {"x": ' + "1" * 100_000 + "}}",
]  # fmt: skip


@pytest.mark.parametrize("credential", CREDENTIALS, ids=lambda text: text[:30] or "empty")
def test_a_credential_that_is_none_signs_nobody_in(client: Client, credential: str) -> None:
    make_person("ada")
    client.get("/login/passkey/")

    answer = client.post("/login/passkey/", {"credential": credential})

    assert answer.headers["Location"] == "/login/?fault=passkey"
    assert not is_signed_in(client)


@pytest.mark.parametrize("credential", CREDENTIALS, ids=lambda text: text[:30] or "empty")
def test_a_credential_that_is_none_is_not_added(client: Client, credential: str) -> None:
    make_person("ada", password=PASSWORD)
    sign_in(client)
    client.post("/account/confirm/", {"password": PASSWORD})
    client.get("/account/second-factor/passkeys/add/")

    answer = client.post("/account/second-factor/passkeys/add/", {"credential": credential, "name": "x"})

    assert answer.status_code == 200
    assert not Authenticator.objects.exists()


def test_passkeys_are_tried_ten_times_a_minute(client: Client) -> None:
    answers = [client.post("/login/passkey/", {"credential": "x"}).status_code for _ in range(11)]

    assert answers == [302] * 10 + [429]


def test_challenges_are_given_thirty_times_a_minute(client: Client) -> None:
    answers = [Client().get("/login/passkey/") for _ in range(31)]

    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert answers[30].headers["Retry-After"] == "60"


def test_a_session_that_came_to_nothing_is_short(client: Client) -> None:
    client.get("/login/passkey/")

    assert client.session.get_expiry_age() == 600
