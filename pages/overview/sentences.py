"""What changed most and what left its target, in two sentences. Nothing here reads the database.

A change is told only where it is more than noise (kpis/statistics/changes.py), and a verdict only where it is not too
close to call (Evaluation.call).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kpis.days import local_day
from kpis.formatting import date_text, value_text
from kpis.reading.evaluation import OFF_TARGET, ON_TARGET, TOO_CLOSE_TO_CALL
from kpis.reading.readings import Comparison, KpiReading
from kpis.registry import Kpi
from kpis.statistics.changes import WITHIN_NOISE
from pages.kpi.headline import change_text_of
from pages.kpi.news import left_target, size_of_change
from pages.kpi.texts import target_text
from web.languages import lazy_text

# How many KPIs a sentence names; it counts the others.
MOST_NAMED = 3

NOT_COMPUTED = lazy_text("Nothing of this range is computed yet, so nothing can be said of it.")
NOTHING_HAPPENED = lazy_text("Nothing that a KPI counts happened in this range.")
NOTHING_BEFORE = lazy_text("Nothing was counted in the period to compare with.")
TOO_FEW = lazy_text("There are too few events to say whether anything changed.")
NO_CHANGE = lazy_text("Nothing changed beyond noise.")
ALL_ON_TARGET = lazy_text("Everything that can be judged is on target.")
NOTHING_JUDGED = lazy_text("Nothing has enough events and a target to be judged by.")


@dataclass(frozen=True, kw_only=True)
class SentencePart:
    """A part of a sentence; a link where it has a `url`."""

    text: str
    url: str = ""


Sentence = Sequence[SentencePart]
# The address of a KPI's page.
UrlOf = Callable[[Kpi], str]


def make_sentences(comparisons: Sequence[Comparison], *, url_of: UrlOf) -> list[Sentence]:
    """What changed most, and what left its target; one sentence where nothing can be said of either."""
    if not any(comparison.current.series for comparison in comparisons):
        return [plain(NOT_COMPUTED)]
    if not any(comparison.current.total.denominator for comparison in comparisons):
        return [plain(NOTHING_HAPPENED)]
    return [change_sentence(comparisons, url_of=url_of), target_sentence(comparisons, url_of=url_of)]


def plain(text: str) -> Sentence:
    return [SentencePart(text=str(text))]


def filled(text: str, **places: Sentence) -> Sentence:
    """A translated sentence with parts of their own in its places, such as %(kpi)s: each language orders them."""
    parts: list[SentencePart] = []
    for number, piece in enumerate(re.split(r"%\((\w+)\)s", text)):
        # Every second one is the name of a place.
        parts += places[piece] if number % 2 else plain(piece) if piece else []
    return parts


# What changed -----------------------------------------------------------------------------------------


def change_sentence(comparisons: Sequence[Comparison], *, url_of: UrlOf) -> Sentence:
    changed = beyond_noise(comparisons)
    if not changed:
        return plain(why_no_change(comparisons))
    first, *others = changed
    most = {"kpi": [link_to(first, url_of=url_of)], "words": plain(change_words(first))}
    if not others:
        return filled(_("%(kpi)s changed most, %(words)s."), **most)
    text = _("%(kpi)s changed most, %(words)s; %(others)s changed too.")
    return filled(text, **most, others=names_of(others, url_of=url_of))


def beyond_noise(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Those that changed more than noise can explain, the largest change first."""
    sizes = [(size, one) for one in comparisons if (size := size_of_change(one)) is not None]
    return [one for size, one in sorted(sizes, key=lambda item: -item[0])]


def why_no_change(comparisons: Sequence[Comparison]) -> str:
    judgements = {one.change.judgement for one in comparisons if one.change}
    if WITHIN_NOISE in judgements:
        return NO_CHANGE
    return TOO_FEW if has_previous(comparisons) else NOTHING_BEFORE


def has_previous(comparisons: Sequence[Comparison]) -> bool:
    """Whether anything was counted in the period to compare with."""
    return any(one.previous.total.denominator for one in comparisons)


def change_words(comparison: Comparison) -> str:
    """From 35% to 40% (+5 points, better)."""
    kpi, change = comparison.current.kpi, comparison.change
    text = change_text_of(change, kpi=kpi)
    if change is None or text is None:
        return ""
    before, after = (value_text(value, unit=kpi.unit) for value in (change.previous, change.current))
    places = {"before": before, "after": after, "change": text.text, "verdict": text.words}
    return _("from %(before)s to %(after)s (%(change)s, %(verdict)s)") % places


# What left its target ---------------------------------------------------------------------------------


def target_sentence(comparisons: Sequence[Comparison], *, url_of: UrlOf) -> Sentence:
    left = [one for one in comparisons if left_target(one)]
    if not left:
        return staying_sentence(comparisons, url_of=url_of)
    named = [
        [link_to(one, url_of=url_of), SentencePart(text=f" ({off_words(one.current)})")]
        for one in left[:MOST_NAMED]
    ]
    text = ngettext("%(kpis)s left its target.", "%(kpis)s left their targets.", len(left))
    return filled(text, kpis=listed(named, more=len(left) - len(named)))


def staying_sentence(comparisons: Sequence[Comparison], *, url_of: UrlOf) -> Sentence:
    """Where nothing left its target: what is off it all the same."""
    calls = [one.current.total.call for one in comparisons]
    off = [one for one in comparisons if one.current.total.call == OFF_TARGET]
    close = calls.count(TOO_CLOSE_TO_CALL)
    if off and not has_previous(comparisons):
        text = ngettext("%(kpis)s is off target.", "%(kpis)s are off target.", len(off))
        return filled(text, kpis=names_of(off, url_of=url_of))
    if off:
        text = ngettext(
            "Nothing left its target in this period; %(kpis)s is off target.",
            "Nothing left its target in this period; %(kpis)s are off target.",
            len(off),
        )
        return filled(text, kpis=names_of(off, url_of=url_of))
    if close and not has_previous(comparisons):
        text = ngettext("%(count)s is too close to call.", "%(count)s are too close to call.", close)
        return plain(text % {"count": close})
    if close:
        text = ngettext(
            "Nothing left its target; %(count)s is too close to call.",
            "Nothing left its target; %(count)s are too close to call.",
            close,
        )
        return plain(text % {"count": close})
    return plain(ALL_ON_TARGET if ON_TARGET in calls else NOTHING_JUDGED)


def off_words(reading: KpiReading) -> str:
    """27%, target ≥ 30%, off since 12 Feb 2026."""
    kpi, total = reading.kpi, reading.total
    places = {
        "value": value_text(total.value, unit=kpi.unit),
        "target": target_text(total.goal.target, kpi=kpi),
    }
    since = off_since(reading)
    if since is None:
        return _("%(value)s, target %(target)s") % places
    return _("%(value)s, target %(target)s, off since %(date)s") % {**places, "date": date_text(since)}


def off_since(reading: KpiReading) -> date | None:
    """The day from which on every day that can be judged is off target; None where the range does not tell.

    It tells where a day before was on target. Days with too few events, or too close to call, say nothing.
    """
    since = None
    for evaluation in reversed(reading.series):
        if evaluation.call == ON_TARGET:
            return since
        if evaluation.call == OFF_TARGET:
            since = local_day(evaluation.period.start, zone=reading.range.zone)
    return None


# Names ------------------------------------------------------------------------------------------------


def link_to(comparison: Comparison, *, url_of: UrlOf) -> SentencePart:
    kpi = comparison.current.kpi
    return SentencePart(text=_(kpi.title), url=url_of(kpi))


def names_of(comparisons: Sequence[Comparison], *, url_of: UrlOf) -> Sentence:
    """A, B and 2 more."""
    named = [[link_to(one, url_of=url_of)] for one in comparisons[:MOST_NAMED]]
    return listed(named, more=len(comparisons) - len(named))


def listed(items: Sequence[Sentence], *, more: int) -> Sentence:
    """The items with commas and an "and"; `more` is how many are not among them."""
    every = [*items, plain(_("%(count)s more") % {"count": more})] if more else items
    parts: list[SentencePart] = []
    for number, item in enumerate(every):
        if number:
            parts.append(SentencePart(text=_(" and ") if number == len(every) - 1 else ", "))
        parts += item
    return parts
