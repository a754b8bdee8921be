"""Answers a page's table as CSV: the page itself is made, in the state of its URL, and its table is taken."""

import re
from collections.abc import Callable
from functools import wraps
from html import unescape
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import override

from kpis.api.csv_export import write_csv
from pages.exporting.tables import NoSuchTable, read_table
from people.access import has_right
from people.models import Right

PARAMETER = "csv"
PageView = Callable[..., HttpResponse]
# Of a file's name: environment, page and what it is about. The table and the days always stay.
LONGEST_SUBJECT = 100
# What the page's <main> says of the state that it shows.
STATE_PART = re.compile(r'data-(environment|dates)="([^"]*)"')
# A table that is its page needs no name beside the page's.
WHOLE_PAGES = {"overview": "kpis", "runs": "runs", "kpi-counted": "rows", "funnel-sessions": "sessions"}


def with_csv(view: PageView) -> PageView:
    """The page; with `?csv=` and the name of one of its tables, that table as a file for who may export."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        name = request.GET.get(PARAMETER, "")
        if not name:
            return view(request, *args, **kwargs)
        # A file is for programs: its columns and numbers are the same whatever language its reader has.
        with override(settings.LANGUAGE_CODE):
            response = view(request, *args, **kwargs)
        if response.status_code != 200:
            return response
        if not has_right(request.user, Right.EXPORT):
            raise PermissionDenied
        return csv_answer(response.content.decode(), name=name, request=request)

    return answer


def csv_answer(page: str, *, name: str, request: HttpRequest) -> HttpResponse:
    """Raises Http404."""
    try:
        rows = read_table(page, name=name)
    except NoSuchTable:
        raise Http404("The page has no such table.") from None
    match = request.resolver_match
    route, subjects = (match.url_name or "", match.kwargs.values()) if match else ("", ())
    file_name = make_file_name(page, route=route, subjects=[str(subject) for subject in subjects], table=name)
    headers = {
        "Content-Disposition": content_disposition_header(True, file_name) or "attachment",
        "Content-Language": settings.LANGUAGE_CODE,
    }
    return HttpResponse(write_csv(rows), content_type="text/csv; charset=utf-8", headers=headers)


def make_file_name(page: str, *, route: str, subjects: list[str], table: str) -> str:
    """production-overview-2026-01-01-2026-01-28.csv: the environment, what is shown, and its first and last day.

    `subjects` are what the page is about: a KPI, an event, the id of a thing.
    """
    state = {name: unescape(value) for name, value in STATE_PART.findall(page.partition("<main")[2][:1000])}
    about = words_of(state.get("environment", ""), route, *subjects)[:LONGEST_SUBJECT]
    end = words_of("" if WHOLE_PAGES.get(route) == table else table, state.get("dates", ""))
    return "-".join(filter(None, [about, end])) + ".csv"


def words_of(*texts: str) -> str:
    return "-".join(re.findall(r"\w+", " ".join(texts)))
