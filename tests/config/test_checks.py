import pytest

from config import checks


def ids(messages):
    return [message.id for message in messages]


def test_the_settings_as_they_come_pass(settings, tmp_path):
    settings.TRACKING_PLAN = tmp_path / "plan.yaml"
    settings.TRACKING_PLAN.write_text("")

    found = [
        checks.check_tracking_plan(),
        checks.check_trusted_proxies(),
        checks.check_secret_key(),
        checks.check_redis_url(),
        checks.check_debug(),
        checks.check_allowed_hosts(),
    ]

    assert found == [[]] * 6


def test_a_missing_tracking_plan_is_named(settings, tmp_path):
    settings.TRACKING_PLAN = tmp_path / "missing.yaml"
    (fault,) = checks.check_tracking_plan()

    assert (fault.id, "missing.yaml" in fault.msg) == ("portal.E001", True)


@pytest.mark.parametrize(
    ("proxies", "expected"),
    [
        (["10.0.0.0/8", "192.168.1.5", "::1", "10.1.2.3/8"], []),
        (["10.0.0.0/33"], ["portal.E002"]),
        (["proxy.example"], ["portal.E002"]),
    ],
)
def test_trusted_proxies_are_addresses_and_networks(settings, proxies, expected):
    settings.TRUSTED_PROXIES = proxies

    assert ids(checks.check_trusted_proxies()) == expected


@pytest.mark.parametrize(("length", "expected"), [(31, ["portal.E003"]), (32, [])])
def test_a_short_secret_key_is_refused(settings, length, expected):
    settings.SECRET_KEY = "x" * length

    assert ids(checks.check_secret_key()) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [("", []), ("redis://host/0", []), ("rediss://host/0", []), ("amqp://host", ["portal.E004"])],
)
def test_the_broker_is_redis(settings, url, expected):
    settings.REDIS_URL = url

    assert ids(checks.check_redis_url()) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", []),
        ("localhost", []),
        ("::1", []),
        ("0.0.0.0", ["portal.W001"]),
        ("kpi", ["portal.W001"]),
    ],
)
def test_debug_on_a_public_address_is_warned_of(settings, host, expected):
    settings.DEBUG = True
    settings.HOST = host

    assert ids(checks.check_debug()) == expected


@pytest.mark.parametrize(
    ("host", "allowed", "expected"),
    [
        ("0.0.0.0", ["127.0.0.1", "localhost"], ["portal.W002"]),
        ("0.0.0.0", ["127.0.0.1", "kpi.example"], []),
        ("127.0.0.1", ["localhost"], []),
    ],
)
def test_a_public_address_without_allowed_hosts_is_warned_of(settings, host, allowed, expected):
    settings.HOST = host
    settings.ALLOWED_HOSTS = allowed

    assert ids(checks.check_allowed_hosts()) == expected
