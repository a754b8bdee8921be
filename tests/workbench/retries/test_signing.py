"""Signatures, against the test vector of the reference libraries of Standard Webhooks."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.workbench.retries.builders import OLD_SECRET, SECRET
from workbench.retries.signing import BadSecret, key_of, signature_headers

BODY = b'{"test": 2432232314}'
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
MOMENT = datetime.fromtimestamp(1614265330, UTC)
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers(*secrets: str, now: datetime = MOMENT) -> dict[str, str]:
    return signature_headers(message_id=MESSAGE, body=BODY, secrets=secrets, now=now)


def test_signs_as_the_reference_libraries_do() -> None:
    expected = {"webhook-id": MESSAGE, "webhook-timestamp": "1614265330", "webhook-signature": SIGNATURE}

    assert headers(SECRET) == expected
    # The moment counts, not its zone.
    assert headers(SECRET, now=MOMENT.astimezone(timezone(timedelta(hours=9)))) == expected


def test_signs_with_both_secrets_while_one_is_rotated() -> None:
    both = headers(SECRET, OLD_SECRET)["webhook-signature"]

    assert both.split(" ") == [SIGNATURE, headers(OLD_SECRET)["webhook-signature"]]


@pytest.mark.parametrize(("size", "is_fine"), [(23, False), (24, True), (64, True), (65, False)])
def test_a_key_has_24_to_64_bytes(size: int, is_fine: bool) -> None:
    secret = f"whsec_{base64.b64encode(b'k' * size).decode()}"
    if is_fine:
        assert len(key_of(secret)) == size
        return
    with pytest.raises(BadSecret):
        key_of(secret)


@pytest.mark.parametrize(
    "secret", ["", "hunter2", SECRET.removeprefix("whsec_"), "whsec_not base64!", "whsec_ä"]
)
def test_refuses_what_is_no_secret_and_does_not_quote_it(secret: str) -> None:
    with pytest.raises(BadSecret) as fault:
        key_of(secret)

    assert not secret or secret not in str(fault.value)
