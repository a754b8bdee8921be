"""Retries on pages: what a run's page says of them, and the page that asks before a run is retried."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from kpis.days import reporting_zone
from kpis.formatting import Figure, moment_text
from pages.page_controls import Link
from pages.page_request import environments_of, no_environment_page, page_request_or_404
from pages.runs.state import run_url, runs_url
from people.access import Person, needs_right
from people.models import Right
from web.languages import lazy_text
from workbench.models import RetryRequest, RetryState, WorkflowRun
from workbench.retries.requesting import Obstacle, RetryRefused, request_retry
from workbench.retries.status import RetryStatus, retry_status
from workbench.runs.detail import UnknownRun, find_run

# Who asked, and when.
SENTENCES = {
    RetryState.PENDING: lazy_text("%(by)s asked for a retry on %(at)s. The workbench has not taken it yet."),
    RetryState.DONE: lazy_text("The workbench took the retry that %(by)s asked for on %(at)s."),
    RetryState.FAILED: lazy_text("The retry that %(by)s asked for on %(at)s was in vain."),
    RetryState.EXPIRED: lazy_text("The retry that %(by)s asked for on %(at)s was given up after 15 minutes."),
}
STATUSES = {
    Obstacle.NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    Obstacle.MAINTENANCE: HTTPStatus.SERVICE_UNAVAILABLE,
}


@dataclass(frozen=True, kw_only=True)
class RetryTexts:
    """What pages/runs/retry.html shows. `why_not` is empty where the run can be retried, at `url`.

    `is_pending`: a request is on its way to the workbench.
    """

    is_shown: bool
    is_pending: bool
    sentences: Sequence[str]
    retried_by: Sequence[Link]
    is_possible: bool
    why_not: str
    url: str


def retry_state(*, run: WorkflowRun, person: Person, now: datetime) -> RetryTexts:
    """For pages/runs/retry.html, as `retry`. Five queries at most."""
    status = retry_status(run=run, person=person, now=now)
    return RetryTexts(
        is_shown=status.is_shown,
        is_pending=status.newest is not None and status.newest.state == RetryState.PENDING,
        sentences=sentences_of(status.newest, zone=reporting_zone()) if status.newest else [],
        retried_by=[
            Link(label=run_id, url=run_url(run_id, environment=run.environment), is_current=False)
            for run_id in status.retried_by
        ],
        is_possible=status.is_possible,
        why_not=why_not(status),
        url=address_of(run),
    )


def sentences_of(request: RetryRequest, *, zone: ZoneInfo) -> list[str]:
    """What became of the request, and of its last attempt, and when the next one is due."""
    at = moment_text(request.requested_at, zone=zone)
    sentence = SENTENCES[RetryState(request.state)] % {"by": request.requested_by, "at": at}
    return [sentence, fault_text(request, zone=zone)] if request.fault else [sentence]


def fault_text(request: RetryRequest, *, zone: ZoneInfo) -> str:
    """The fault itself stands as the workbench's server or the network gave it."""
    fault = _("Attempt %(number)s: %(fault)s.") % {"number": request.attempts, "fault": request.fault}
    if not request.next_attempt_at:
        return fault
    due = _("The next one is due on %(at)s.") % {"at": moment_text(request.next_attempt_at, zone=zone)}
    return f"{fault} {due}"


def why_not(status: RetryStatus) -> str:
    """The sentence of a pending request says it already."""
    if status.obstacle is None or status.obstacle is Obstacle.PENDING:
        return ""
    return _(status.obstacle.sentence)


def address_of(run: WorkflowRun) -> str:
    return f"{reverse('retry-run', args=[run.run_id])}?{urlencode({'environment': run.environment})}"


@require_http_methods(["GET", "HEAD", "POST"])
@needs_right(Right.VIEW_RUNS)
def retry_run(request: HttpRequest, run_id: str) -> HttpResponse:
    """The page at /runs/<id>/retry/: asks, and with a post requests the retry."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    page = page_request_or_404(request, environments=environments)
    run = run_or_404(run_id, environment=page.environment)
    if request.method != "POST":
        return show_question(request, run=run, now=page.now)
    try:
        request_retry(run=run, person=cast(User, request.user), now=page.now)
    except RetryRefused as refused:
        status = STATUSES.get(refused.obstacle, HTTPStatus.CONFLICT)
        return show_question(request, run=run, now=page.now, status=status)
    messages.success(request, _("The retry was requested."))
    # The run's page keeps itself up to date.
    return redirect(run_url(run.run_id, environment=run.environment))


def run_or_404(run_id: str, *, environment: str) -> WorkflowRun:
    try:
        return find_run(run_id, environment=environment)
    except UnknownRun:
        raise Http404("There is no run of this id.") from None


def show_question(
    request: HttpRequest, *, run: WorkflowRun, now: datetime, status: int = HTTPStatus.OK
) -> HttpResponse:
    context = {
        "run": run,
        "run_url": run_url(run.run_id, environment=run.environment),
        "list_url": runs_url(environment=run.environment),
        "facts": facts_of(run),
        "retry": retry_state(run=run, person=request.user, now=now),
    }
    return render(request, "pages/runs/retry_run.html", context, status=status)


def facts_of(run: WorkflowRun) -> list[Figure]:
    facts = (
        Figure(_("Workflow"), run.workflow_name or run.workflow_id),
        Figure(_("Status"), _(run.status or "running")),
        Figure(_("Error type"), run.error_type),
        Figure(_("Environment"), run.environment),
    )
    return [fact for fact in facts if fact.text]
