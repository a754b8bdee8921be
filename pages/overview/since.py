"""What happened since a person's last visit of the overview, in one sentence, and the range of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, npgettext, pgettext

from kpis.annotations import count_annotations
from kpis.days import day_start, local_day
from kpis.reading.context import EvaluationContext
from kpis.reading.periods import Granularity, Range, recent_days
from kpis.reading.readings import Comparison, compare_kpis
from pages.kpi.news import left_target
from pages.overview.sentences import Sentence, SentencePart, beyond_noise, plain
from pages.page_request import PageRequest, PageState
from people.overview.visits import previous_visit
from web.moments import rfc3339
from workbench.buckets import bucket_of, bucket_start

# For longer ones nothing is counted: what changed over so long is no news.
LONGEST_ABSENCE = timedelta(days=90)
# From here on the range begins with the day of the visit: rows of days are a few, those of quarter hours are hundreds.
WHOLE_DAYS_AFTER = timedelta(days=2)
# Headers of a browser that fetches a page before anybody asked for it, or for a picture of it.
AHEAD_HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


@dataclass(frozen=True, kw_only=True)
class SinceVisit:
    """The KPIs over the range since the last visit, against as long before, and how many annotations lie in it."""

    comparisons: Sequence[Comparison]
    annotations: int


def sentence_since_visit(
    request: HttpRequest, *, user: User, page: PageRequest, context: EvaluationContext
) -> Sentence:
    """Empty on the first visit. Notes that the person looks. At most four queries."""
    moment = previous_visit(
        user, environment=page.environment, now=page.now, is_look=is_look(request) and page.fault is None
    )
    if moment is None or context.computed_until is None:
        return []
    if page.now - moment > LONGEST_ABSENCE:
        return plain(_("Your last visit was %(ago)s ago.") % {"ago": ago_text(page.now - moment)})
    range = range_since(moment, zone=page.range.zone, now=page.now)
    since = SinceVisit(
        comparisons=compare_kpis(
            environment=page.environment,
            range=range,
            now=page.now,
            granularity=Granularity.TOTAL,
            context=context,
        ),
        annotations=count_annotations(environment=page.environment, start=range.start, end=page.now),
    )
    return make_visit_sentence(
        since,
        ago=ago_text(page.now - moment),
        url=url_since(range, state=page.state),
    )


def is_look(request: HttpRequest) -> bool:
    """Whether a person looks at the page: no HEAD, and nothing that a browser fetches ahead."""
    return request.method == "GET" and not any(request.headers.get(name) for name in AHEAD_HEADERS)


def range_since(moment: datetime, *, zone: ZoneInfo, now: datetime) -> Range:
    """From the quarter hour of the moment, or of its day if that is two days ago or more, to the end of today."""
    start = bucket_start(bucket_of(moment))
    if now - moment >= WHOLE_DAYS_AFTER:
        start = day_start(local_day(moment, zone=zone), zone=zone)
    return Range(start=start, end=recent_days(1, zone=zone, now=now).end, zone=zone)


def url_since(range: Range, *, state: PageState) -> str:
    """The overview of that range. It ends with today, as long as it is today."""
    return state.link(preset="", start=rfc3339(range.start), end="")


def ago_text(passed: timedelta) -> str:
    """40 minutes, 5 hours, 3 days: in one unit, rounded down."""
    days, hours = passed // timedelta(days=1), passed // timedelta(hours=1)
    minutes = passed // timedelta(minutes=1)
    if days:
        return npgettext("ago", "%(count)s day", "%(count)s days", days) % {"count": days}
    if hours:
        return npgettext("ago", "%(count)s hour", "%(count)s hours", hours) % {"count": hours}
    if not minutes:
        return pgettext("ago", "no minute")
    return npgettext("ago", "%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}


def make_visit_sentence(since: SinceVisit, *, ago: str, url: str) -> Sentence:
    changed, left = len(beyond_noise(since.comparisons)), sum(map(left_target, since.comparisons))
    clauses = [changed_clause(changed), left_clause(left)]
    if not changed and not left:
        clauses = [_("nothing changed beyond noise, and nothing left its target")]
    if number := since.annotations:
        clauses.append(ngettext("%(count)s annotation", "%(count)s annotations", number) % {"count": number})
    link = SentencePart(text=_("Since your last visit %(ago)s ago") % {"ago": ago}, url=url)
    return [link, SentencePart(text=f": {', '.join(clauses)}.")]


def changed_clause(number: int) -> str:
    if not number:
        return _("no KPI changed beyond noise")
    text = ngettext("%(count)s KPI changed beyond noise", "%(count)s KPIs changed beyond noise", number)
    return text % {"count": number}


def left_clause(number: int) -> str:
    if not number:
        return _("none left its target")
    text = ngettext("%(count)s left its target", "%(count)s left their targets", number)
    return text % {"count": number}
