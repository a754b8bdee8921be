"""How many posts a key may make. Each process has a token bucket for each key, without database or broker.

Each of a server's WEB_WORKERS processes lets its share of the key's rate through. Addresses do not count,
because a client chooses what X-Forwarded-For says.
"""

import math
import threading
from dataclasses import dataclass
from http import HTTPStatus

from django.conf import settings

from telemetry.models import ApiKey
from web.errors import ApiError


@dataclass(slots=True)
class TokenBucket:
    tokens: float
    filled_at: float


buckets: dict[int, TokenBucket] = {}
lock = threading.Lock()


def check_rate(key: ApiKey, *, at: float) -> None:
    """Let one post of the key pass. `at` is now, in seconds of a monotonic clock.

    Raises ApiError (429) with Retry-After when this process's share of the key's rate is used up.
    """
    wait_seconds = take_token(key.pk, share=math.ceil(key.requests_per_minute / settings.WEB_WORKERS), at=at)
    if wait_seconds:
        raise ApiError(
            status=HTTPStatus.TOO_MANY_REQUESTS,
            code="too_many_requests",
            message="The key's requests a minute are used up.",
            headers={"Retry-After": str(math.ceil(wait_seconds))},
        )


def take_token(key_id: int, *, share: int, at: float) -> float:
    """Take a token and return 0.0, or return the seconds until there is one. `share` is tokens a minute."""
    per_second = share / 60
    with lock:
        bucket = buckets.setdefault(key_id, TokenBucket(tokens=share, filled_at=at))
        bucket.tokens = min(share, bucket.tokens + max(0.0, at - bucket.filled_at) * per_second)
        bucket.filled_at = max(at, bucket.filled_at)
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / per_second if per_second else 60.0
        bucket.tokens -= 1
    return 0.0
