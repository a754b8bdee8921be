from decimal import Decimal

import pytest
from django.conf import LazySettings

from workbench.costs import estimate_cost, usd_per_minute


@pytest.mark.parametrize(
    ("microseconds", "rate", "micro_usd"),
    [
        pytest.param(60_000_000, "0.01", 10_000, id="a minute"),
        pytest.param(2_999, "0.01", 0, id="below 0.5"),
        pytest.param(3_000, "0.01", 1, id="0.5"),
        pytest.param(9_000, "0.01", 2, id="1.5"),
        pytest.param(14_999, "0.01", 2, id="below 2.5"),
        pytest.param(15_000, "0.01", 3, id="2.5"),
        pytest.param(15_001, "0.01", 3, id="above 2.5"),
        pytest.param(0, "0.01", 0, id="no time"),
        pytest.param(60_000_000, "0", 0, id="no price"),
        pytest.param(2_592_000_000_000, "1000000", 43_200_000_000_000_000, id="30 days at the highest price"),
    ],
)
def test_half_a_micro_dollar_is_rounded_up(microseconds: int, rate: str, micro_usd: int) -> None:
    assert estimate_cost(microseconds, usd_per_minute=Decimal(rate)) == micro_usd


def test_the_price_has_the_configured_digits_and_not_those_of_a_binary_fraction(
    settings: LazySettings,
) -> None:
    settings.COST_USD_PER_MINUTE = 0.1

    assert usd_per_minute() == Decimal("0.1")
