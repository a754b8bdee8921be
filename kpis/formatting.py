"""Numbers and moments as text, for people. Programs get unrounded numbers, from the API."""

from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils.text import capfirst

MINUS = "\N{MINUS SIGN}"
NARROW = "\N{NARROW NO-BREAK SPACE}"
DASH = "\N{EN DASH}"
# Seconds. Nobody needs to know a shorter time exactly.
SHORTEST = 0.001
MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# (from where on, how many, their sign): what would be rounded to 1,000k is 1M.
COMPACT_UNITS = ((999_500_000, 1_000_000_000, "B"), (999_500, 1_000_000, "M"), (1_000, 1_000, "k"))


class Figure(NamedTuple):
    """A text with its name, as tiles, columns and tooltips show it."""

    name: str
    text: str


def value_text(value: float | None, *, unit: str) -> str:
    """A value of the unit `ratio`, `seconds` or `usd`; a dash for None."""
    if value is None:
        return DASH
    if unit == "ratio":
        return percent_text(value)
    return duration_text(value) if unit == "seconds" else dollars_text(value)


def interval_text(low: float | None, high: float | None, *, unit: str) -> str:
    """35.2 to 39.7%; 3 min 5 s to 4 min; with an open end: 9 s or more. "" where both ends are open."""
    if low is None or high is None:
        text = value_text(high if low is None else low, unit=unit)
        return "" if low is high else f"{text} or {'less' if low is None else 'more'}"
    first = value_text(low, unit=unit)
    return f"{first.removesuffix('%')} to {value_text(high, unit=unit)}"


def percent_text(ratio: float, *, decimals: int = 1) -> str:
    """0.314 as 31.4%; without zeros at its end."""
    text = f"{ratio * 100:,.{decimals}f}"
    return f"{text.rstrip('0').removesuffix('.') if decimals else text}%"


def duration_text(seconds: float) -> str:
    """The two largest units that say something: <0.001 s, 0.42 s, 12.3 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    # Rounded before it is compared, so that 59.96 s is 1 min and not 60 s.
    if round(seconds, 1) < MINUTE:
        return _short_duration(seconds)
    whole = round(seconds)
    if whole < HOUR:
        return _two_units(whole, large=MINUTE, names=("min", "s"), small=1)
    whole = round(seconds / MINUTE) * MINUTE
    if whole < DAY:
        return _two_units(whole, large=HOUR, names=("h", "min"), small=MINUTE)
    return _two_units(round(seconds / HOUR) * HOUR, large=DAY, names=("d", "h"), small=HOUR)


def _short_duration(seconds: float) -> str:
    if 0 < seconds < SHORTEST:
        return f"<{SHORTEST}{NARROW}s"
    text = f"{seconds:.1f}".removesuffix(".0") if seconds >= 1 or seconds == 0 else f"{seconds:.2g}"
    return f"{text}{NARROW}s"


def _two_units(whole: int, *, large: int, small: int, names: tuple[str, str]) -> str:
    first, rest = divmod(whole, large)
    text = f"{first}{NARROW}{names[0]}"
    return f"{text} {rest // small}{NARROW}{names[1]}" if rest // small else text


def dollars_text(amount: float) -> str:
    """$1,234.56; below a cent with four decimals."""
    return f"${amount:,.4f}" if 0 < amount < 0.01 else f"${amount:,.2f}"


def count_text(number: float) -> str:
    return f"{number:,.0f}"


def compact_text(number: float) -> str:
    """About so many: 950, 12.3k, 4.56M, 7.8B."""
    for least, size, unit in COMPACT_UNITS:
        if number >= least:
            return f"{number / size:.3g}{unit}"
    return count_text(number)


def change_text(current: float, previous: float, *, unit: str) -> str:
    """The difference with its sign: percentage points for a ratio, else per cent of the previous value."""
    if unit == "ratio":
        return f"{_with_sign((current - previous) * 100)} points"
    if previous == 0:
        return f"{_sign(current)}{value_text(abs(current), unit=unit)}"
    return f"{_with_sign((current / previous - 1) * 100)}%"


def _with_sign(number: float) -> str:
    rounded = round(number, 1)
    return f"{_sign(rounded)}{abs(rounded):,.1f}".removesuffix(".0")


def _sign(number: float) -> str:
    if number == 0:
        return "±"
    return "+" if number > 0 else MINUS


def date_text(day: date) -> str:
    """15 Feb 2026."""
    return f"{day.day} {day:%b %Y}"


def moment_text(moment: datetime, *, zone: ZoneInfo) -> str:
    """15 Feb 2026, 13:00 in the zone."""
    local = moment.astimezone(zone)
    return f"{date_text(local.date())}, {local:%H:%M}"


def words_of(code: str) -> str:
    """end_user as End user."""
    return capfirst(code.replace("_", " "))
