import pytest
from pytest_django import Settings

from digests.addresses import hint_of, parse_webhook, seal_webhook, unseal_webhook
from workbench.retries.addresses import BadUrl

SLACK = "https://hooks.slack.com/services/T/B/abcdefgh"


@pytest.mark.parametrize("url", [SLACK, "https://hooks.slack.com:443/x", "https://HOOKS.slack.com/x"])
def test_takes_slack(url: str) -> None:
    assert parse_webhook(url).host == "hooks.slack.com"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/x",
        "https://hooks.slack.com.example.com/x",
        "https://hooks.slack.com:8443/x",
        "https://hooks.slack.com@10.0.0.1/x",
        "https://10.0.0.1/x",
        "http://127.0.0.1/x",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/x",
        "file:///etc/passwd",
        "hooks.slack.com",
    ],
)
def test_takes_no_other_host_unless_the_operator_names_it(url: str) -> None:
    with pytest.raises(BadUrl):
        parse_webhook(url)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("chat.example.com", "https://chat.example.com/hooks/x"),
        ("10.0.0.1:8065", "http://10.0.0.1:8065/hooks/x"),
        ("[::1]:8065", "http://[::1]:8065/hooks/x"),
    ],
)
def test_takes_a_chat_that_the_operator_names(settings: Settings, host: str, url: str) -> None:
    settings.DIGEST_CHAT_HOSTS = [host]

    assert parse_webhook(url).path == "/hooks/x"
    with pytest.raises(BadUrl):
        parse_webhook(SLACK)


def test_link_local_is_never_posted_to(settings: Settings) -> None:
    settings.DIGEST_CHAT_HOSTS = ["169.254.169.254"]

    with pytest.raises(BadUrl):
        parse_webhook("https://169.254.169.254/x")


def test_an_address_is_stored_sealed_and_shown_by_its_end() -> None:
    sealed = seal_webhook(SLACK)

    assert "slack" not in sealed
    assert (unseal_webhook(sealed), hint_of(sealed)) == (SLACK, "\u2026efgh")


def test_after_the_secret_key_changed_there_is_no_address(settings: Settings) -> None:
    sealed = seal_webhook(SLACK)
    settings.SECRET_KEY = "changed"

    assert (unseal_webhook(sealed), hint_of(sealed), unseal_webhook("")) == ("", "", "")
