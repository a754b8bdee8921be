"""The newest posts with their events: what was accepted, what was rejected and why, what is deprecated."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from itertools import islice
from operator import or_
from typing import Any, TypeVar

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from telemetry.incoming.filters import EventOutcome, IncomingFilter
from telemetry.incoming.posts import (
    day_range,
    may_show,
    newest_posts,
    newest_rejected,
    one_post,
    posts_of,
    rejected_in,
    stored_of,
    within,
)
from telemetry.intake.problems import Problem, deprecation_problem
from telemetry.models import Arrival, QuarantinedEvent, RawEvent
from telemetry.plan import TrackingPlan

# What is listed at most: posts, the events of a post, and events in all but for the last post's.
LISTED_POSTS = 30
LISTED_OF_POST = 8
LISTED_EVENTS = 60
# Of the one post that is asked for by its id.
LISTED_ALONE = 200
# Posts among which those with the outcome or the event are searched.
SEARCHED_POSTS = 200
# Stored events that are read to find some: no index has the names of accepted events.
SEARCHED_EVENTS = 5_000
# Rejected events that are read where only these are asked for: so that one post does not fill the list.
SEARCHED_REJECTED = 300

# RawEvent and QuarantinedEvent both name their post.
Row = TypeVar("Row", RawEvent, QuarantinedEvent)


@dataclass(frozen=True, kw_only=True)
class AcceptedEvent:
    """A stored event, and what the running plan deprecates of it."""

    raw: RawEvent
    warnings: Sequence[Problem] = ()


@dataclass(frozen=True, kw_only=True)
class IncomingPost:
    """A post with the first of its events that are asked for, and the numbers of those that are not listed.

    `more`: they are asked for and stored. `deleted`: they were accepted, and are gone by retention or erasure.
    `not_kept`: they were rejected, and the quarantine does not have them.
    """

    arrival: Arrival
    accepted: Sequence[AcceptedEvent] = ()
    rejected: Sequence[QuarantinedEvent] = ()
    more: int = 0
    deleted: int = 0
    not_kept: int = 0


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """Posts, newest first. `searched` are the posts among which they were searched, `since` the oldest of these.

    None: nothing was searched, because an index found them.
    """

    posts: Sequence[IncomingPost]
    searched: int = 0
    since: datetime | None = None


def read_incoming(asked: IncomingFilter, *, plan: TrackingPlan) -> Incoming:
    """What came in last. Five queries at most; the cost does not depend on what is stored.

    Of duplicates only their number is kept, so with that outcome the posts have no events. Warnings are those of the
    running plan.
    """
    if asked.post_id is not None:
        post = one_post(asked.post_id, environment=asked.environment)
        return Incoming(posts=with_events(post, asked=asked, plan=plan, most_of_post=LISTED_ALONE))
    if asked.outcome is EventOutcome.REJECTED:
        return Incoming(posts=rejecting_posts(asked))
    if asked.outcome is EventOutcome.WARNING and not deprecates(plan):
        return Incoming(posts=[])
    newest = newest_posts(asked, most=SEARCHED_POSTS if asked.event or asked.outcome else LISTED_POSTS)
    chosen: Iterable[Arrival] = [post for post in newest if may_show(post, asked)]
    if not asked.is_of_events:
        chosen = within(chosen, most=LISTED_EVENTS, size=listed_of)
        chosen = within(islice(chosen, LISTED_POSTS), most=SEARCHED_EVENTS, size=stored_of)
        posts = with_events(list(chosen), asked=asked, plan=plan)
        return searched_among(newest if asked.outcome else [], posts=posts)
    chosen = list(within(chosen, most=SEARCHED_EVENTS, size=stored_of))
    found = [post for post in with_events(chosen, asked=asked, plan=plan) if post.accepted or post.rejected]
    return searched_among(chosen, posts=list(within(found, most=LISTED_EVENTS, size=events_listed_of)))


def searched_among(searched: Sequence[Arrival], *, posts: Sequence[IncomingPost]) -> Incoming:
    return Incoming(
        posts=posts[:LISTED_POSTS],
        searched=len(searched),
        since=searched[-1].received_at if searched else None,
    )


def rejecting_posts(asked: IncomingFilter) -> list[IncomingPost]:
    """The newest posts of which the quarantine keeps an event. Three queries."""
    rows = grouped(newest_rejected(asked, most=SEARCHED_REJECTED))
    posts = within(posts_of(rows)[:LISTED_POSTS], most=LISTED_EVENTS, size=rejected_listed_of)
    return [
        IncomingPost(
            arrival=post,
            rejected=rows[post.pk][:LISTED_OF_POST],
            more=max(0, (len(rows[post.pk]) if asked.event else rejected_in(post)) - LISTED_OF_POST),
        )
        for post in posts
    ]


def with_events(
    posts: Sequence[Arrival],
    *,
    asked: IncomingFilter,
    plan: TrackingPlan,
    most_of_post: int = LISTED_OF_POST,
) -> list[IncomingPost]:
    """The posts with their events that are asked for. Two queries."""
    # One post more, because the last one may go beyond.
    most = LISTED_EVENTS + 2 * most_of_post
    accepted = grouped(accepted_of(posts, asked=asked, plan=plan, most_of_post=most_of_post)[:most])
    rejected = grouped(rejected_of(posts, asked=asked, most_of_post=most_of_post)[:most])
    return [
        with_numbers(post, accepted=accepted[post.pk], rejected=rejected[post.pk], asked=asked, plan=plan)
        for post in posts
    ]


def with_numbers(
    post: Arrival,
    *,
    accepted: Sequence[RawEvent],
    rejected: Sequence[QuarantinedEvent],
    asked: IncomingFilter,
    plan: TrackingPlan,
) -> IncomingPost:
    """The post with its rows. With a name or a warning asked for, what else it had is not counted."""
    asks_accepted = not asked.event and asked.outcome in {None, EventOutcome.ACCEPTED}
    asks_rejected = not asked.event and asked.outcome is None
    stored, kept = kept_in(accepted), kept_in(rejected)
    return IncomingPost(
        arrival=post,
        accepted=[AcceptedEvent(raw=row, warnings=warnings_of(row, plan=plan)) for row in accepted],
        rejected=rejected,
        more=stored - len(accepted) + kept - len(rejected),
        deleted=post.accepted - stored if asks_accepted else 0,
        not_kept=rejected_in(post) - kept if asks_rejected else 0,
    )


def events_listed_of(post: IncomingPost) -> int:
    return len(post.accepted) + len(post.rejected)


def listed_of(post: Arrival) -> int:
    return min(post.accepted, LISTED_OF_POST) + rejected_listed_of(post)


def rejected_listed_of(post: Arrival) -> int:
    return min(rejected_in(post), LISTED_OF_POST)


def accepted_of(
    posts: Sequence[Arrival], *, asked: IncomingFilter, plan: TrackingPlan, most_of_post: int
) -> QuerySet[RawEvent]:
    """The newest accepted events of each post. Index: raw_event_arrival, in the partitions of the posts' days."""
    days = day_range(posts)
    if days is None or asked.outcome in {EventOutcome.REJECTED, EventOutcome.DUPLICATE}:
        return RawEvent.objects.none()
    rows = RawEvent.objects.filter(arrival_id__in=[post.pk for post in posts], day__range=days)
    if asked.event:
        rows = rows.filter(event=asked.event)
    if asked.outcome is EventOutcome.WARNING:
        rows = rows.filter(is_deprecated(plan))
    return first_of_each_post(rows, order=("-occurred_at", "event_key"), most=most_of_post)


def rejected_of(
    posts: Sequence[Arrival], *, asked: IncomingFilter, most_of_post: int
) -> QuerySet[QuarantinedEvent]:
    """The first rejected events of each post. Index: quarantine_arrival."""
    with_some = [post.pk for post in posts if post.rejected]
    if not with_some or asked.outcome not in {None, EventOutcome.REJECTED}:
        return QuarantinedEvent.objects.none()
    rows = QuarantinedEvent.objects.filter(arrival_id__in=with_some)
    if asked.event:
        rows = rows.filter(event=asked.event)
    return first_of_each_post(rows, order=("position",), most=most_of_post)


def first_of_each_post(rows: QuerySet[Row], *, order: Sequence[str], most: int) -> QuerySet[Row]:
    """The first rows of each post, newest post first, each with `kept`: how many rows its post has."""
    numbered = rows.annotate(
        place=Window(RowNumber(), partition_by=F("arrival_id"), order_by=order),
        kept=Window(Count("*"), partition_by=F("arrival_id")),
    )
    return numbered.filter(place__lte=most).order_by("-arrival_id", "place")


def deprecates(plan: TrackingPlan) -> bool:
    """Whether the plan deprecates anything; without it no event has a warning."""
    return any(event.deprecations for event in plan.events.values())


def is_deprecated(plan: TrackingPlan) -> Q:
    """Whether an event uses anything that the plan deprecates."""
    parts = [
        Q(event=event.name, **({"properties__has_key": name} if name else {}))
        for event in plan.events.values()
        for name, _ in event.deprecations
    ]
    return reduce(or_, parts, Q(pk__in=[]))


def warnings_of(row: RawEvent, *, plan: TrackingPlan) -> list[Problem]:
    """A warning for each deprecated part that a stored event uses."""
    event = plan.events.get(row.event)
    if event is None:
        return []
    return [
        deprecation_problem(name, deprecation)
        for name, deprecation in event.deprecations
        if not name or name in row.properties
    ]


def grouped(rows: Iterable[Row]) -> Mapping[int, list[Row]]:
    """Rows by the post that brought them."""
    groups: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.arrival_id].append(row)
    return groups


def kept_in(rows: Sequence[Any]) -> int:
    return rows[0].kept if rows else 0
