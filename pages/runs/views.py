"""The pages of runs. Each has one fragment that the browser asks for again and again (pages/polling/)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from kpis.days import local_day, reporting_zone
from kpis.run_queries import CHOICES, DEFAULT_RANGE, RANGES, RunQuery
from pages.page_controls import Link
from pages.page_request import environment_or_404, environments_of, no_environment_page
from pages.polling.admissions import answer_poll
from pages.polling.fragments import Fragment, Question, asks_for_fragment
from pages.runs.detail_texts import run_context
from pages.runs.retrying import retry_state, run_or_404
from pages.runs.state import ADDED, RunsState, runs_url
from pages.runs.texts import LABELS, filter_chips, run_texts
from people.access import needs_right
from people.models import Right
from web.languages import lazy_text
from workbench.retries.requesting import has_pending
from workbench.runs.detail import UnknownRun, read_run
from workbench.runs.filters import BadRunFilter
from workbench.runs.listing import list_runs, suggestions, workflow_of
from workbench.runs.states import ACTIVE, RunState

RANGE_LABELS = {
    "1h": lazy_text("1 hour"),
    "24h": lazy_text("24 hours"),
    "7d": lazy_text("7 days"),
    "28d": lazy_text("28 days"),
    "all": lazy_text("All time"),
}
# Names of the filters in chips: those that can be added, and nothing else is shown as one.
STATUS_LINKS: Sequence[tuple[str, tuple[str, ...]]] = (
    (lazy_text("Any status"), ()),
    (lazy_text("Active"), tuple(state.value for state in ACTIVE)),
    (lazy_text("Failed"), (RunState.FAILED.value,)),
    (lazy_text("Completed"), (RunState.COMPLETED.value,)),
)


@dataclass(frozen=True, kw_only=True)
class RunsRequest:
    """The list as a person asked for it. With a fault, state and query are the defaults."""

    state: RunsState
    query: RunQuery
    environment: str
    zone: ZoneInfo
    now: datetime
    fault: BadRunFilter | None = None

    @property
    def status(self) -> int:
        return HTTPStatus.BAD_REQUEST if self.fault else HTTPStatus.OK


@require_safe
@needs_right(Right.VIEW_RUNS)
def show_runs(request: HttpRequest) -> HttpResponse:
    """The page at /runs/."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    state = RunsState.from_query(request.GET)
    if request.GET.get("add") in ADDED:
        return HttpResponseRedirect(reverse("runs") + added_state(request, state=state).query())
    asked = runs_request(state, environment=environment_or_404(state.environment, names=environments))
    question = Question(
        key=("runs", asked.environment, asked.state.query()),
        make=lambda: make_list(runs_request(asked.state, environment=asked.environment)),
    )
    if asks_for_fragment(request):
        return answer_poll(request, question)
    context = {
        "fragment": question.answer(),
        "dates": dates_text(asked),
        "environments": environment_links(asked, names=environments),
        "ranges": range_links(asked.state),
        "statuses": status_links(asked.state),
        "chips": filter_chips(asked.state, names=ADDED),
        "clear_url": RunsState(environment=asked.state.environment).query(),
        "fields": ADDED.items(),
        "labels": [state.value for state in RunState],
        "suggestions": suggestions(environment=asked.environment),
        "hidden": [(name, value) for name, values in asked.state.with_values().values for value in values],
        "environment": asked.environment,
        "time_zone": asked.zone.key,
        "fault": asked.fault,
    }
    return render(request, "pages/runs/list.html", context, status=asked.status)


def added_state(request: HttpRequest, *, state: RunsState) -> RunsState:
    """The state with the filter that the form adds."""
    name, value = request.GET["add"], request.GET.get("value", "").strip()
    is_excluded = request.GET.get("verb") == "not" and name in CHOICES
    if name == "status":
        value = value.lower()
    return state.with_added(f"not_{name}" if is_excluded else name, value) if value else state


def runs_request(state: RunsState, *, environment: str) -> RunsRequest:
    now, zone, fault = timezone.now(), reporting_zone(), None
    try:
        query = RunQuery.read(state.by_name, zone=zone, now=now)
    except BadRunFilter as error:
        fault, state = error, RunsState(environment=state.environment)
        query = RunQuery.read({}, zone=zone, now=now)
    return RunsRequest(state=state, query=query, environment=environment, zone=zone, now=now, fault=fault)


def dates_text(asked: RunsRequest) -> str:
    """The first and the last day of the list, for the names of files; only the last where it has no beginning."""
    start, end = asked.query.filter.start, asked.query.filter.end
    last = local_day(end - timedelta(microseconds=1) if end else asked.now, zone=asked.zone)
    return f"{local_day(start, zone=asked.zone)}-{last}" if start else f"{last}"


def make_list(asked: RunsRequest) -> Fragment:
    page = list_runs(
        asked.query.filter, environment=asked.environment, now=asked.now, cursor=asked.query.cursor
    )
    state = asked.state
    context = {
        "runs": run_texts(page.runs, zone=asked.zone, now=asked.now),
        "newest_url": state.with_values().query() if page.newer else "",
        "newer_url": state.at_place("newer", str(page.newer)).query() if page.newer else "",
        "older_url": state.at_place("older", str(page.older)).query() if page.older else "",
        "is_filtered": bool(state.values),
        "all_url": state.with_values(range=["all"]).query(),
    }
    # A run may begin at any moment: then it is on the newest page.
    is_active = asked.query.cursor is None or page.has_active
    return Fragment(html=render_to_string("pages/runs/_list.html", context), is_active=is_active)


def environment_links(asked: RunsRequest, *, names: Sequence[str]) -> list[Link]:
    return [
        Link(label=name, url=asked.state.in_environment(name).query(), is_current=name == asked.environment)
        for name in names
    ]


def range_links(state: RunsState) -> list[Link]:
    given = state.by_name
    is_custom = "from" in given or "to" in given
    default = "all" if "id" in given else DEFAULT_RANGE
    current = "" if is_custom else next(iter(given.get("range", ())), default)
    return [
        Link(
            label=RANGE_LABELS[name],
            url=state.with_values(range=[name], **{"from": (), "to": ()}).query(),
            is_current=name == current,
        )
        for name in RANGES
    ]


def status_links(state: RunsState) -> list[Link]:
    current = state.by_name.get("status", ())
    is_plain = "not_status" not in state.by_name
    return [
        Link(
            label=label,
            url=state.with_values(status=values, not_status=()).query(),
            is_current=is_plain and set(values) == set(current),
        )
        for label, values in STATUS_LINKS
    ]


@require_safe
@needs_right(Right.VIEW_RUNS)
def show_run(request: HttpRequest, run_id: str) -> HttpResponse:
    """The page at /runs/<id>/."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    environment = environment_or_404(request.GET.get("environment", ""), names=environments)
    question = Question(
        key=("run", environment, run_id), make=lambda: make_run(run_id, environment=environment)
    )
    if asks_for_fragment(request):
        return answer_poll(request, question)
    fragment = question.answer()
    # Beside the fragment stands the button of a retry, which is not the same for everybody.
    run = run_or_404(run_id, environment=environment)
    retry = retry_state(run=run, person=request.user, now=timezone.now())
    context: dict[str, Any] = {
        "fragment": fragment,
        # The fragment may be a second older than the request for a retry.
        "is_active": fragment.is_active or retry.is_pending,
        "run": run,
        "retry": retry,
        "environment": environment,
        "workflow": workflow_of(run),
        "list_url": runs_url(environment=environment),
        "time_zone": reporting_zone().key,
        "labels": LABELS,
    }
    return render(request, "pages/runs/run.html", context)


def make_run(run_id: str, *, environment: str) -> Fragment:
    """Raises Http404."""
    now = timezone.now()
    try:
        detail = read_run(run_id, environment=environment, now=now)
    except UnknownRun:
        raise Http404("There is no run of this id.") from None
    context = run_context(detail, zone=reporting_zone(), now=now)
    # What became of a retry stands beside the fragment, which is loaded anew when nothing goes on any more.
    is_active = context["is_active"] or has_pending(detail.run)
    return Fragment(html=render_to_string("pages/runs/_run.html", context), is_active=is_active)
