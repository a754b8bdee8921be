"""Numbers and moments as text, for people, as the reader's language writes them (config/formats).

Programs get unrounded numbers, from the API. A file of a page's table takes them from ComputableText.
"""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, get_format
from django.utils.text import capfirst
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

MINUS = "\N{MINUS SIGN}"
NARROW = "\N{NARROW NO-BREAK SPACE}"
DASH = "\N{EN DASH}"
# Of a number as Python writes it → the name of what the language has in its place.
MARKS = {",": "TEXT_THOUSANDS", ".": "TEXT_POINT"}
# Seconds. Nobody needs to know a shorter time exactly.
SHORTEST = 0.001
MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# (from where on, how many): what would be rounded to 1,000k is 1M.
COMPACT_UNITS = ((999_500_000, 1_000_000_000), (999_500, 1_000_000), (1_000, 1_000))


class Figure(NamedTuple):
    """A text with its name, as tiles, columns and tooltips show it."""

    name: str
    text: str


class ComputableText(str):
    """A text as it is shown; `raw` is its value as programs write it, `unit` what that is in, or the zone of a moment.

    A text that is made of it, like a sentence, is a plain one again.
    """

    raw: str
    unit: str

    # Copying makes the text first and sets the attributes afterwards, so they have defaults.
    def __new__(cls, text: str, *, raw: str = "", unit: str = "") -> Self:
        made = super().__new__(cls, text)
        made.raw, made.unit = raw, unit
        return made


def measured(text: str, *, value: float, unit: str) -> ComputableText:
    """A number in its unit (`ratio`, `seconds`, `usd`, `count`), not rounded for people."""
    return ComputableText(text, raw=raw_number(value), unit=unit)


def raw_number(value: float) -> str:
    """As programs write it."""
    return str(value) if isinstance(value, int) else f"{value:.15g}"


def at_moment(text: str, *, moment: datetime) -> ComputableText:
    """A moment in UTC (RFC 3339)."""
    return ComputableText(text, raw=moment.astimezone(UTC).isoformat(), unit="UTC")


def on_day(text: str, *, day: date) -> ComputableText:
    """A day (ISO 8601); the page knows the zone."""
    return ComputableText(text, raw=day.isoformat(), unit="date")


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
        value = value_text(high if low is None else low, unit=unit)
        if low is high:
            return ""
        return (_("%(value)s or less") if low is None else _("%(value)s or more")) % {"value": value}
    first = percent_number(low) if unit == "ratio" else value_text(low, unit=unit)
    return _("%(low)s to %(high)s") % {"low": first, "high": value_text(high, unit=unit)}


def percent_text(ratio: float, *, decimals: int = 1) -> str:
    """0.314 as 31.4%; without zeros at its end."""
    text = mark("TEXT_PERCENT").format(percent_number(ratio, decimals=decimals))
    return measured(text, value=ratio, unit="ratio")


def percent_number(ratio: float, *, decimals: int = 1) -> str:
    """0.314 as 31.4, without a sign."""
    text = f"{ratio * 100:,.{decimals}f}"
    return localized(text.rstrip("0").removesuffix(".") if decimals else text)


def localized(number: str) -> str:
    """A number written as 1,234.5, with the marks of the reader's language."""
    return number.translate(_marks_of_numbers(get_language()))


@lru_cache(maxsize=32)
def _marks_of_numbers(language: str | None) -> dict[int, str]:
    """What stands for a comma and for a point. Hundreds of numbers of a page ask for it."""
    return {ord(sign): str(get_format(name, lang=language)) for sign, name in MARKS.items()}


def mark(name: str) -> str:
    """An entry of the language's config/formats."""
    return str(get_format(name))


def duration_text(seconds: float) -> str:
    """The two largest units that say something: <0.001 s, 0.42 s, 12.3 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    return measured(_duration(seconds), value=seconds, unit="seconds")


def _duration(seconds: float) -> str:
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
        return f"<{localized(str(SHORTEST))}{NARROW}s"
    text = f"{seconds:.1f}".removesuffix(".0") if seconds >= 1 or seconds == 0 else f"{seconds:.2g}"
    return f"{localized(text)}{NARROW}s"


def _two_units(whole: int, *, large: int, small: int, names: tuple[str, str]) -> str:
    first, rest = divmod(whole, large)
    text = f"{first}{NARROW}{names[0]}"
    return f"{text} {rest // small}{NARROW}{names[1]}" if rest // small else text


def dollars_text(amount: float) -> str:
    """$1,234.56; below a cent with four decimals."""
    number = f"{amount:,.4f}" if 0 < amount < 0.01 else f"{amount:,.2f}"
    return measured(mark("TEXT_DOLLARS").format(localized(number)), value=amount, unit="usd")


def count_text(number: float) -> str:
    return measured(localized(f"{number:,.0f}"), value=number, unit="count")


def compact_text(number: float) -> str:
    """About so many: 950, 12.3k, 4.56M, 7.8B."""
    for least, size in COMPACT_UNITS:
        if number >= least:
            text = with_unit(localized(f"{number / size:.3g}"), size=size)
            return measured(text, value=number, unit="count")
    return count_text(number)


def with_unit(number: str, *, size: int) -> str:
    texts = {
        1_000: pgettext("thousand", "%(number)sk"),
        1_000_000: pgettext("million", "%(number)sM"),
        1_000_000_000: pgettext("billion, 10 to the 9th", "%(number)sB"),
    }
    return texts[size] % {"number": number}


def change_text(current: float, previous: float, *, unit: str) -> str:
    """The difference with its sign: percentage points for a ratio, else per cent of the previous value."""
    if unit == "ratio":
        return _("%(change)s points") % {"change": _with_sign((current - previous) * 100)}
    if previous == 0:
        return f"{_sign(current)}{value_text(abs(current), unit=unit)}"
    return mark("TEXT_PERCENT").format(_with_sign((current / previous - 1) * 100))


def _with_sign(number: float) -> str:
    rounded = round(number, 1)
    return _sign(rounded) + localized(f"{abs(rounded):,.1f}".removesuffix(".0"))


def _sign(number: float) -> str:
    if number == 0:
        return "±"
    return "+" if number > 0 else MINUS


def date_text(day: date) -> str:
    """15 Feb 2026."""
    return on_day(date_format(day, "TEXT_DAY"), day=day)


def month_text(day: date) -> str:
    """Feb 2026."""
    return date_format(day, "TEXT_MONTH")


def day_of_year_text(day: date) -> str:
    """15 Feb."""
    return date_format(day, "TEXT_DAY_OF_YEAR")


def moment_text(moment: datetime, *, zone: ZoneInfo) -> str:
    """15 Feb 2026, 13:00 in the zone."""
    local = moment.astimezone(zone)
    return at_moment(f"{date_text(local.date())}, {local:%H:%M}", moment=moment)


def words_of(code: str) -> str:
    """end_user as End user, in the reader's language where the code is one of the portal's own."""
    words = capfirst(code.replace("_", " "))
    return _(words) if words else ""


def within(label: str) -> str:
    """A label within a sentence: nouns keep their capital where the language writes them so."""
    return label if get_format("TEXT_KEEPS_CAPITALS") else label.lower()


def words_within(label: str) -> str:
    """A label of the KPIs' registry within a sentence: 36 drafts measured."""
    words = pgettext("within a sentence", label)
    return label.lower() if words == label else words
