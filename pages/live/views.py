"""The page at /live/. It has one fragment that the browser asks for again and again (pages/polling/)."""

from collections.abc import Sequence
from http import HTTPStatus

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from kpis.days import reporting_zone
from pages.live.state import BadLiveFilter, LiveState
from pages.live.texts import LABELS, LiveFrame, post_texts, searched_text
from pages.page_controls import Link
from pages.page_request import environment_or_404, environments_of, no_environment_page
from pages.polling.admissions import answer_poll
from pages.polling.fragments import Fragment, Question, asks_for_fragment
from people.access import has_right, needs_right
from people.models import Right
from telemetry.incoming.events import deprecates, read_incoming
from telemetry.incoming.filters import IncomingFilter
from telemetry.models import ApiKey, Scope
from telemetry.plan import get_plan

# Keys that are offered to choose from.
MOST_KEYS = 200


@require_safe
@needs_right(Right.EXPLORE)
def show_live(request: HttpRequest) -> HttpResponse:
    """The page at /live/."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    state, fault = LiveState.from_query(request.GET), None
    environment = environment_or_404(state.environment, names=environments)
    try:
        asked = state.filter(environment=environment)
    except BadLiveFilter as error:
        fault, state = error, LiveState(environment=state.environment)
        asked = state.filter(environment=environment)
    question = question_of(request, asked, state=state)
    if asks_for_fragment(request):
        return answer_poll(request, question)
    context = {
        "fragment": question.answer(),
        "state": state,
        "environments": environment_links(state, names=environments, current=environment),
        "outcomes": outcome_links(state),
        "keys": keys_of(environment),
        "events": sorted(get_plan().events),
        "clear_url": LiveState(environment=state.environment).query(),
        "environment": environment,
        "time_zone": reporting_zone().key,
        "fault": fault,
    }
    status = HTTPStatus.BAD_REQUEST if fault else HTTPStatus.OK
    return render(request, "pages/live/live.html", context, status=status)


def question_of(request: HttpRequest, asked: IncomingFilter, *, state: LiveState) -> Question:
    """Its answer is the same for all who may look at runs and for all who may not."""
    sees_runs = isinstance(request.user, User) and has_right(request.user, Right.VIEW_RUNS)
    origin = f"{request.scheme}://{request.get_host()}"
    return Question(
        key=("live", asked, sees_runs, origin),
        make=lambda: make_fragment(asked, state=state, sees_runs=sees_runs, origin=origin),
    )


def make_fragment(asked: IncomingFilter, *, state: LiveState, sees_runs: bool, origin: str) -> Fragment:
    plan = get_plan()
    incoming = read_incoming(asked, plan=plan)
    frame = LiveFrame(
        state=state,
        environment=asked.environment,
        plan=plan,
        sees_runs=sees_runs,
        zone=reporting_zone(),
        now=timezone.now(),
    )
    context = {
        "posts": post_texts(incoming, frame=frame),
        "searched": searched_text(incoming, frame=frame),
        "outcome": asked.outcome or "",
        "deprecates": deprecates(plan),
        "is_filtered": state.is_filtered,
        "environment": asked.environment,
        "origin": origin,
    }
    # A post may come at any moment; the one that was asked for by its id does not change.
    return Fragment(html=render_to_string("pages/live/_posts.html", context), is_active=asked.post_id is None)


def environment_links(state: LiveState, *, names: Sequence[str], current: str) -> list[Link]:
    return [
        Link(label=name, url=state.in_environment(name).query(), is_current=name == current) for name in names
    ]


def outcome_links(state: LiveState) -> list[Link]:
    labels = {"": _("Any outcome")} | {outcome.value: label for outcome, label in LABELS.items()}
    return [
        Link(label=label, url=state.with_values(outcome=value).query(), is_current=value == state.outcome)
        for value, label in labels.items()
    ]


def keys_of(environment: str) -> list[tuple[str, str]]:
    """The environment's keys that post, newest first: (id, label)."""
    keys = ApiKey.objects.filter(environment=environment, scope=Scope.INGEST).order_by("-pk")[:MOST_KEYS]
    return [(str(key.pk), f"{key.source} \N{MIDDLE DOT} {key.prefix}\N{HORIZONTAL ELLIPSIS}") for key in keys]
