import pytest
from pytest_django.fixtures import Settings

from telemetry.door import throttling
from telemetry.models import ApiKey
from web.errors import ApiError

# 60 a minute: a token a second.
SHARE = 60


def test_takes_the_share_of_a_minute_at_once_and_no_more() -> None:
    assert [throttling.take_token(1, share=3, at=0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert throttling.take_token(1, share=3, at=0.0) == pytest.approx(20.0)


def test_fills_with_time_and_never_above_the_share() -> None:
    for _ in range(SHARE):
        throttling.take_token(1, share=SHARE, at=0.0)

    assert throttling.take_token(1, share=SHARE, at=0.75) == pytest.approx(0.25)
    assert throttling.take_token(1, share=SHARE, at=1.0) == 0.0
    assert throttling.take_token(1, share=SHARE, at=10_000.0) == 0.0
    assert throttling.buckets[1].tokens == SHARE - 1


def test_keys_do_not_share() -> None:
    assert throttling.take_token(1, share=1, at=0.0) == 0.0
    assert throttling.take_token(1, share=1, at=0.0) > 0.0
    assert throttling.take_token(2, share=1, at=0.0) == 0.0


def test_a_clock_that_two_threads_read_in_another_order_takes_nothing_away() -> None:
    throttling.take_token(1, share=SHARE, at=5.0)

    throttling.take_token(1, share=SHARE, at=4.0)

    assert throttling.buckets[1].tokens == SHARE - 2
    assert throttling.buckets[1].filled_at == 5.0


def test_a_process_takes_its_share_of_the_rate(settings: Settings) -> None:
    settings.WEB_WORKERS = 2
    key = ApiKey(pk=1, requests_per_minute=5)

    for _ in range(3):
        throttling.check_rate(key, at=0.0)

    with pytest.raises(ApiError) as caught:
        throttling.check_rate(key, at=0.0)
    assert (caught.value.status_code, caught.value.headers) == (429, {"Retry-After": "20"})


def test_a_rate_of_nothing_lets_nothing_through() -> None:
    assert throttling.take_token(1, share=0, at=0.0) == 60.0
