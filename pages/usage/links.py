"""What both pages share: their state, links to runs, and changes against the range before."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from kpis.formatting import change_text, count_text
from kpis.reading.periods import Range
from kpis.reading.usage.breakdown import USAGE_LIMIT
from kpis.registry import REGISTRY
from kpis.statistics.changes import ValueChange
from pages.kpi.headline import Change, change_text_of
from pages.page_request import PageRequest, page_request_or_404
from web.moments import rfc3339

COST = REGISTRY["execution-cost"]


def usage_page_or_404(
    request: HttpRequest, *, environments: list[str], extra: Mapping[str, str]
) -> PageRequest:
    """The request with what the page keeps in its URL beside environment and range. Raises Http404."""
    page = page_request_or_404(request, environments=environments)
    return replace(page, state=page.state.with_extra(**extra))


def runs_url(*, environment: str, range: Range, **filters: str) -> str:
    """The runs of the same environment and range, as far as the filters choose them."""
    moments = {"from": rfc3339(range.start), "to": rfc3339(range.end)}
    return f"{reverse('runs')}?{urlencode({'environment': environment, **moments, **filters})}"


def csv_url(name: str, *, environment: str, range: Range, **parts: str) -> str:
    """The API's address of the same figures, with the range in moments: it stays what it is tomorrow."""
    moments = {"from": rfc3339(range.start), "to": rfc3339(range.end)}
    query = {"environment": environment, **moments, **parts, "format": "csv"}
    return f"{reverse(name)}?{urlencode(query)}"


def cost_change(current: float, previous: float) -> Change | None:
    """A sum is not judged. None where there was none before, or is none now."""
    if not current or not previous:
        return None
    change = ValueChange(current=current, previous=previous, judgement=None)
    return change_text_of(change, kpi=COST)


def count_change(current: int, previous: int) -> Change | None:
    """More runs are neither better nor worse."""
    if not current or not previous:
        return None
    text = change_text(current, previous, unit="count")
    arrow = "flat" if text.startswith("±") else "up" if current > previous else "down"
    return Change(text=text, tone="flat", arrow=arrow, words=_("neither better nor worse"))


def left_out_text(number: int, *, sentence: str) -> str:
    """What a table of many rows says of those that it does not have; "" where it has all.

    The sentence has a place for their `count`.
    """
    left_out = number - USAGE_LIMIT
    return sentence % {"count": count_text(left_out)} if left_out > 0 else ""
