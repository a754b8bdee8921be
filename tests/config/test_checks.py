import pytest

from config import checks, mail


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
        checks.check_notice_emails(),
        checks.check_traces(),
        checks.check_debug(),
        checks.check_allowed_hosts(),
        checks.check_metrics_directory(),
        checks.check_single_sign_on(),
        checks.check_roles_of_claims(),
        checks.check_local_sign_in(),
        checks.check_provider_over_https(),
    ]

    assert found == [[]] * 13


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


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("", []),
        ("/dev/shm/portal", []),
        ("/ram/portal", []),
        ("/var/lib/portal", ["portal.W003"]),
        ("/dev/shmooze", ["portal.W003"]),
        ("/dev/shm/a disk/portal", ["portal.W003"]),
        ("/over/portal", ["portal.W003"]),
    ],
)
def test_the_metrics_files_lie_in_memory(monkeypatch, tmp_path, directory, expected):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/vda1 / ext4 rw 0 0\n"
        "tmpfs /dev/shm tmpfs rw 0 0\n"
        "ram /ram ramfs rw 0 0\n"
        "/dev/vdb1 /dev/shm/a\\040disk xfs rw 0 0\n"
        "tmpfs /over tmpfs rw 0 0\n"
        "/dev/vdc1 /over ext4 rw 0 0\n"
    )
    monkeypatch.setattr(checks, "MOUNTS", mounts)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", directory)

    assert ids(checks.check_metrics_directory()) == expected


def test_a_system_that_does_not_tell_its_file_systems_passes(monkeypatch, tmp_path):
    monkeypatch.setattr(checks, "MOUNTS", tmp_path / "missing")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/var/lib/portal")

    assert checks.check_metrics_directory() == []


@pytest.mark.parametrize(
    ("addresses", "url", "expected"),
    [
        ([], "", []),
        (["ops@example.com", "jo@example.com"], "smtp://mail.example", []),
        (["ops@example.com"], "", ["portal.E011"]),
        (["ops@example.com", "ops", "a b@c.de"], "smtp://mail.example", ["portal.E010", "portal.E010"]),
    ],
)
def test_notices_go_to_mail_addresses_by_a_mail_server(settings, addresses, url, expected):
    settings.NOTICE_EMAILS = addresses
    settings.MAIL_SERVER = mail.from_url(url)

    assert ids(checks.check_notice_emails()) == expected


@pytest.mark.parametrize(
    ("issuer", "client", "secret", "expected"),
    [
        ("", "", "", []),
        ("https://id.example.com", "portal", "x", []),
        ("https://id.example.com", "", "x", ["people.E001"]),
        ("https://id.example.com", "portal", "", ["people.E001"]),
    ],
)
def test_a_provider_needs_what_it_gave_the_portal(settings, issuer, client, secret, expected):
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = issuer, client, secret

    assert ids(checks.check_single_sign_on()) == expected


@pytest.mark.parametrize(
    ("claim", "roles", "expected"),
    [
        ("", {}, []),
        ("groups", {"a": "admin", "b": "viewer"}, []),
        ("groups", {"a": "boss"}, ["people.E002"]),
        ("groups", {}, ["people.E002"]),
        ("", {"a": "admin"}, ["people.E002"]),
    ],
)
def test_a_claim_gives_roles_that_exist(settings, claim, roles, expected):
    settings.OIDC_ROLE_CLAIM, settings.OIDC_ROLES = claim, roles

    assert ids(checks.check_roles_of_claims()) == expected


@pytest.mark.parametrize(
    ("is_local", "issuer", "expected"),
    [(True, "", []), (False, "https://id.example.com", []), (False, "", ["people.E003"])],
)
def test_somebody_can_sign_in(settings, is_local, issuer, expected):
    settings.LOCAL_SIGN_IN, settings.OIDC_ISSUER = is_local, issuer

    assert ids(checks.check_local_sign_in()) == expected


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        ("https://id.example.com", []),
        ("http://127.0.0.1:9400", []),
        ("http://id.example.com", ["people.E004"]),
        ("id.example.com", ["people.E004"]),
    ],
)
def test_a_provider_elsewhere_speaks_https(settings, issuer, expected):
    settings.OIDC_ISSUER = issuer

    assert ids(checks.check_provider_over_https()) == expected


@pytest.mark.parametrize(
    ("is_https", "proxies", "expected"),
    [(True, [], ["portal.W004"]), (True, ["10.0.0.1"], []), (False, [], [])],
)
def test_https_without_a_proxy_that_says_so_is_warned_of(settings, is_https, proxies, expected):
    settings.PUBLIC_URL = "https://kpi.example"
    settings.IS_HTTPS = is_https
    settings.TRUSTED_PROXIES = proxies

    assert ids(checks.check_https()) == expected


@pytest.mark.parametrize(
    ("endpoint", "protocol", "expected"),
    [
        ("http://127.0.0.1:4318", "", []),
        ("https://collector.example.com", "http/protobuf", []),
        ("127.0.0.1:4317", "", ["portal.E020"]),
        ("http://127.0.0.1:4317", "grpc", ["portal.E021"]),
    ],
)
def test_traces_go_to_an_endpoint_over_http(settings, endpoint, protocol, expected):
    settings.TRACING_ENABLED = True
    settings.OTLP_ENDPOINT, settings.OTLP_PROTOCOL = endpoint, protocol

    assert ids(checks.check_traces()) == expected
