"""The pages of one's digest, and the page behind the link in a mail."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from audit.models import AuditEntry
from digests.addresses import unseal_webhook
from digests.models import DigestSending, DigestSubscription
from digests.subscriptions import token_of
from people.models import Role
from people.roles import give_role
from tests.builders import NOW
from tests.digests.builders import MONDAY, make_subscriber, states, subscribe
from tests.kpis.builders import make_environment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

PAGE = "/account/digest/"
SLACK = "https://hooks.slack.com/services/T/B/abcdefgh"


@pytest.fixture
def ada(client: Client, settings: Settings) -> User:
    settings.EMAIL_URL = "smtp://mail.example.com"
    make_environment()
    user = make_subscriber(environments=["production", "staging"])
    client.force_login(user)
    return user


def form(**fields: Any) -> dict[str, Any]:
    defaults = {
        "is_active": "on",
        "frequency": "weekly",
        "weekday": "0",
        "hour": "8",
        "time_zone": "Europe/Berlin",
        "language": "en",
        "by_mail": "on",
        "webhook_url": "",
    }
    return {name: value for name, value in (defaults | fields).items() if value is not None}


def stored() -> DigestSubscription:
    return DigestSubscription.objects.get()


def test_a_person_subscribes(client: Client, ada: User) -> None:
    chosen = form(environments=["production"], kpis=["approval-rate"], webhook_url=SLACK)

    answer = client.post(PAGE, chosen, follow=True)

    assert "The next digest is due Monday, 16 Feb 2026, 08:00 (Europe/Berlin)." in answer.content.decode()
    subscription = stored()
    assert (subscription.environments, subscription.kpis) == (["production"], ["approval-rate"])
    assert (subscription.frequency, subscription.weekday, subscription.hour) == ("weekly", 0, 8)
    assert unseal_webhook(subscription.webhook) == SLACK
    assert subscription.origin == "http://testserver"
    assert subscription.next_due_at == MONDAY.replace(hour=7)
    assert "abcdefgh" not in answer.content.decode()


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"environments": ["secret"]}, "Select a valid choice"),
        ({"kpis": ["no-kpi"]}, "Select a valid choice"),
        ({"time_zone": "Mars/Olympus"}, "Select a valid choice"),
        ({"language": "xx"}, "Select a valid choice"),
        ({"hour": "24"}, "Select a valid choice"),
        ({"weekday": "7"}, "Select a valid choice"),
        ({"frequency": "hourly"}, "Select a valid choice"),
        ({"webhook_url": "https://10.0.0.1/x"}, "Digests are posted to these hosts only: hooks.slack.com."),
        ({"by_mail": None}, "Choose mail or Slack, or both."),
    ],
)
def test_says_what_is_wrong(client: Client, ada: User, fields: dict[str, Any], fault: str) -> None:
    answer = client.post(PAGE, form(**fields))

    assert answer.status_code == 400
    assert fault in answer.content.decode()
    assert not DigestSubscription.objects.exists()


def test_without_a_mail_address_there_is_no_mail(client: Client, ada: User) -> None:
    User.objects.update(email="")

    assert "Your account has no mail address" in client.post(PAGE, form()).content.decode()


def test_without_a_mail_server_mail_cannot_be_chosen_and_slack_can(
    client: Client, ada: User, settings: Settings
) -> None:
    settings.EMAIL_URL = ""

    fresh, refused = client.get(PAGE), client.post(PAGE, form(webhook_url=SLACK))

    assert 'name="by_mail" id="id_by_mail" checked' not in fresh.content.decode()
    assert refused.status_code == 400
    assert "an operator must set EMAIL_URL to a mail server" in refused.content.decode()
    assert not DigestSubscription.objects.exists()
    assert client.post(PAGE, form(by_mail=None, webhook_url=SLACK)).status_code == 302
    assert not stored().by_mail


def test_without_a_mail_server_a_digest_can_be_switched_off(
    client: Client, ada: User, settings: Settings
) -> None:
    settings.EMAIL_URL = ""

    assert client.post(PAGE, form(is_active=None)).status_code == 302


@pytest.mark.parametrize(
    ("fields", "webhook"),
    [
        ({}, SLACK),
        ({"webhook_url": f"{SLACK}2"}, f"{SLACK}2"),
        ({"forgets_webhook": "on"}, ""),
    ],
)
def test_an_address_is_kept_replaced_or_forgotten(
    client: Client, ada: User, fields: dict[str, Any], webhook: str
) -> None:
    subscribe(ada, webhook=SLACK)

    client.post(PAGE, form(**fields))

    assert unseal_webhook(stored().webhook) == webhook


def test_what_is_changed_is_in_the_audit_without_the_address(client: Client, ada: User) -> None:
    client.post(PAGE, form(webhook_url=SLACK, hour="9"))

    entries = AuditEntry.objects.filter(object_pk=str(stored().pk), content_type__model="digestsubscription")

    assert entries.count() == 1
    assert SLACK not in str(entries.values())
    assert stored().webhook not in str(entries.values())


def test_who_switches_it_off_is_sent_none(client: Client, ada: User) -> None:
    subscribe(ada)

    client.post(PAGE, form(is_active=None))

    assert (stored().is_active, stored().next_due_at) == (False, None)


def test_one_is_sent_now_to_who_has_settings(client: Client, ada: User) -> None:
    client.post(f"{PAGE}send/")
    assert not DigestSending.objects.exists()

    subscribe(ada)
    answer = client.post(f"{PAGE}send/", follow=True)

    assert states() == [("asked 2026-02-15T12:00", "mail", "pending")]
    assert "Waits" in answer.content.decode()


def test_a_first_digest_is_in_the_language_of_the_page(client: Client, ada: User) -> None:
    page = client.get("/account/digest/preview/", headers={"Accept-Language": "de"}).content.decode()

    assert "Wöchentlicher Bericht" in page


def test_the_preview_shows_all_forms(client: Client, ada: User) -> None:
    text = client.get(f"{PAGE}preview/").content.decode()

    assert "Weekly digest, 2 to 8 Feb 2026" in text
    assert "Every KPI" in text
    assert 'src="/account/digest/preview/mail/?frequency=weekly"' in text
    assert "Daily digest, 14 Feb 2026" in client.get(f"{PAGE}preview/?frequency=daily").content.decode()
    assert client.get(f"{PAGE}preview/?frequency=hourly").status_code == 404


def test_the_mail_in_the_frame_may_have_styles_and_nothing_else(client: Client, ada: User) -> None:
    answer = client.get(f"{PAGE}preview/mail/")

    policy = set(answer.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src 'none'",
        "style-src-attr 'unsafe-inline'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    }
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_viewer_has_no_digest(client: Client, ada: User) -> None:
    give_role(user=ada, role=Role.VIEWER)

    assert {client.get(f"{PAGE}{page}").status_code for page in ("", "preview/", "preview/mail/")} == {403}
    assert "Digest" not in client.get("/account/").content.decode()


# The link in a mail -----------------------------------------------------------------------------------------


def link_of(subscription: DigestSubscription) -> str:
    return reverse("digest-unsubscribe", args=[token_of(subscription)])


def test_opening_the_link_asks_and_a_post_ends_it() -> None:
    link = link_of(subscribe())
    stranger = Client(enforce_csrf_checks=True)

    asked = stranger.get(link)
    assert ("Unsubscribe" in asked.content.decode(), stored().is_active) == (True, True)

    # As a mail program posts it (RFC 8058, 3.1).
    ended = stranger.post(link, {"List-Unsubscribe": "One-Click"})
    assert ("You get no digest" in ended.content.decode(), stored().is_active) == (True, False)
    assert "You get no digest" in stranger.get(link).content.decode()


def test_who_needs_a_second_factor_first_may_unsubscribe(client: Client, settings: Settings) -> None:
    subscription = subscribe()
    client.force_login(subscription.user)
    settings.REQUIRE_SECOND_FACTOR = "all"

    client.post(link_of(subscription))

    assert not stored().is_active


def test_a_link_that_was_made_up_leads_nowhere() -> None:
    token = token_of(subscribe())
    number, _, signature = token.partition(".")

    for wrong in (f"{int(number) + 1}.{signature}", number, f"{token}x", "x"):
        for method in (Client().get, Client().post):
            assert method(reverse("digest-unsubscribe", args=[wrong])).status_code == 404
    assert stored().is_active


def test_a_link_is_over_with_its_account() -> None:
    subscription = subscribe()
    link = link_of(subscription)

    subscription.user.delete()

    assert Client().get(link).status_code == 404


def test_the_page_costs_the_same_however_many_were_sent(
    client: Client, ada: User, settings: Settings, django_assert_max_num_queries: Any
) -> None:
    subscription = subscribe(ada)
    DigestSending.objects.bulk_create(
        DigestSending(
            subscription=subscription,
            channel="mail",
            occasion=f"daily {number}",
            frequency="daily",
            period_start=NOW,
            period_end=MONDAY,
            time_zone="UTC",
            created_at=NOW,
        )
        for number in range(50)
    )

    with django_assert_max_num_queries(12):
        page = client.get(PAGE)

    assert page.content.decode().count("every day") == 10
