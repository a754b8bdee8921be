"""Events come, late and again, are folded, rolled up, pruned, held, erased, replayed and rebuilt, in any order.

The books always balance.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Max, Sum
from django.test import override_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kpis.compute.rebuild import RawEventsPruned, rebuild
from kpis.compute.rollup import bring_up_to_date
from kpis.models import StoredGranularity
from telemetry.intake.erased import FOLLOW_UP_AFTER, forget_cached
from telemetry.intake.ingest import ingest_events
from telemetry.lifecycle import partitions, quarantine_jobs
from telemetry.lifecycle.retention import runs
from telemetry.models import (
    ApiKey,
    Arrival,
    Environment,
    ErasedEvents,
    Erasure,
    ErasureMode,
    ErasureState,
    LaterEvents,
    LedgerHour,
    QuarantineWork,
    RawEvent,
    RetentionHold,
    RetentionPolicy,
    RetentionReport,
    RetentionSubject,
    SubjectKind,
)
from tests.oracle.compute import AcceptedEvent, expected_days, expected_rows
from tests.oracle.erasing import PERSONS, SubjectOfPosts, begin, erase, traces_of
from tests.oracle.profiles import examples
from tests.oracle.streams import ENVIRONMENTS, SESSIONS, THEMES
from tests.oracle.system import (
    Bucket,
    BucketKey,
    FunnelContent,
    FunnelKey,
    as_buckets,
    clear_tables,
    expected_funnel_buckets,
    find_keys,
    make_keys,
    stored_buckets,
    stored_funnel,
)
from workbench.erasure import steps

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The late window, and one that is longer afterwards.
WINDOWS = (3, 5)
# A thing's events lie in so many days, so that none comes when the thing is gone: such a one is a new thing.
DAYS_OF_A_THING = 2
THINGS_KEPT = st.integers(9, 14)
IDS = ("sessionId", "draftId", "runId", "agentRunId", "approvalId")
# Those that KPIs count one by one, and not as parts of things: these counts stay where raw events were pruned.
COUNTED_EVENTS = ("workbench.template_suggested", "workbench.chat_message_sent", "workflow.created")

Document = dict[str, Any]
EVENTS = st.tuples(
    st.one_of(*THEMES[3]),
    st.sampled_from(SESSIONS),
    st.integers(0, 5 * 24 * 4),
    st.none() | st.integers(0, 9),
)
ENVIRONMENT = st.sampled_from(ENVIRONMENTS)
KIND = st.sampled_from(SubjectKind.values)
MODE = st.sampled_from(ErasureMode.values)
LATER = st.sampled_from(LaterEvents.values)


class Lifecycle(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        clear_tables()
        self.now = START
        self.keys = find_keys()
        # What was ever accepted, by event key, and how often something was.
        self.accepted: dict[Any, AcceptedEvent] = {}
        self.acceptances = 0
        # What was posted, and how many events that were.
        self.posts: list[tuple[ApiKey, list[bytes]]] = []
        self.received = 0
        # Event keys that an erasure took: they count in nothing that is still computed.
        self.erased: set[Any] = set()
        self.subjects: set[SubjectOfPosts] = set()
        # Environments in which a subject shared things with others, and events of these are gone. What stays of such
        # a thing is not what brute force says, so there only the books, what is frozen and what is left are checked.
        self.approximate: set[str] = set()
        forget_cached()
        # KPI rows from before `things_kept_from`, as they were when their things were kept.
        self.frozen: dict[BucketKey, Bucket] = {}
        self.late_window = override_settings(LATE_WINDOW_DAYS=WINDOWS[0])
        self.late_window.enable()

    def teardown(self) -> None:
        self.late_window.disable()

    @initialize(events=st.lists(EVENTS, min_size=8, max_size=20))
    def post_some_events(self, events: Sequence[tuple[Document, str, int, int | None]]) -> None:
        """With some events: of an empty portal there is little to prune and nobody to erase."""
        partitions.ensure_partitions(today=self.now.date())
        self.post(ENVIRONMENTS[0], events)

    # What comes in --------------------------------------------------------------------------------------

    @rule(environment=ENVIRONMENT, events=st.lists(EVENTS, min_size=1, max_size=6))
    def post(self, environment: str, events: Sequence[tuple[Document, str, int, int | None]]) -> None:
        texts = [json.dumps(self.document(*event)).encode() for event in events]
        key = self.keys[environment, "web", 0]
        self.posts.append((key, texts))
        self.deliver(key, texts)

    @precondition(lambda self: self.posts)
    @rule(number=st.integers(0, 99))
    def post_again(self, number: int) -> None:
        self.deliver(*self.posts[number % len(self.posts)])

    def document(self, event: Document, session: str, quarters: int, number: int | None) -> Document:
        """The event of so many quarter hours ago; its ids are those of things of that time."""
        moment = self.now - timedelta(minutes=15 * quarters)
        block = (moment - EPOCH).days // DAYS_OF_A_THING
        given = {**event["properties"], "sessionId": session}
        given |= {name: f"{given[name]}-{block}" for name in IDS if name in given}
        whole = {
            "event": event["event"],
            "sessionId": given.pop("sessionId"),
            "timestamp": moment.isoformat(),
        }
        named = {} if number is None else {"id": f"e-{number}"}
        return whole | named | {"properties": given}

    def deliver(self, key: ApiKey, texts: list[bytes]) -> None:
        before = newest_arrival()
        result = ingest_events(texts, key=key, now=self.now)
        self.received += len(texts)
        assert result.accepted == self.note_accepted(after=before)

    def note_accepted(self, *, after: int) -> int:
        """Remember the events of later arrivals than this one, and return how many they are."""
        stored = list(RawEvent.objects.filter(arrival_id__gt=after))
        self.acceptances += len(stored)
        for raw in stored:
            is_known = raw.event_key in self.accepted and raw.event_key not in self.erased
            assert not is_known, "an event was accepted twice"
            self.erased.discard(raw.event_key)
            self.accepted[raw.event_key] = AcceptedEvent(
                environment=raw.environment,
                event_key=raw.event_key,
                event=raw.event,
                session_id=raw.session_id,
                occurred_at=raw.occurred_at,
                properties=raw.properties,
            )
        return len(stored)

    @rule()
    def replay(self) -> None:
        """What was too late is not after the late window became longer. A replay is a receipt of its own."""
        before = newest_arrival()
        job = quarantine_jobs.request_job(
            work=QuarantineWork.REPLAY, selection={}, requested_by="test", now=self.now
        )
        quarantine_jobs.finish(job, now=self.now)
        made = Arrival.objects.filter(pk__gt=before).values_list("accepted", "duplicates", "rejected")
        self.received += sum(new + known + sum(bad.values()) for new, known, bad in made)
        assert job.accepted == self.note_accepted(after=before)

    @rule(days=st.integers(1, 6))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)
        partitions.ensure_partitions(today=self.now.date())

    @rule()
    def lengthen_the_late_window(self) -> None:
        settings.LATE_WINDOW_DAYS = WINDOWS[1]

    # What is done with it -------------------------------------------------------------------------------

    @rule()
    def roll_up(self) -> None:
        """Every number equals brute force over all that was ever accepted, or stayed what it was."""
        self.finish_erasures()
        self.fold_and_roll_up()
        assert stored_buckets() == self.expected()
        counted = [event for key, event in self.accepted.items() if key not in self.erased]
        assert self.computed_funnel(stored_funnel()) == self.computed_funnel(
            expected_funnel_buckets(counted, zone="UTC")
        )

    def computed_funnel(self, rows: dict[FunnelKey, FunnelContent]) -> dict[FunnelKey, FunnelContent]:
        """Those that are not frozen and that brute force can say."""
        kept_from = self.things_kept_from
        return {
            key: row
            for key, row in rows.items()
            if key[1] not in self.approximate and ((first := kept_from[key[1]]) is None or key[2] >= first)
        }

    def fold_and_roll_up(self) -> None:
        with self.erasing():
            bring_up_to_date(now=self.now)

    @contextmanager
    def erasing(self) -> Iterator[None]:
        """Note which events an erasure takes meanwhile, or the fold of what comes after one."""
        before = raw_keys()
        yield
        self.erased |= before - raw_keys()

    def expected(self) -> dict[BucketKey, Bucket]:
        base = expected_rows(
            [event for key, event in self.accepted.items() if key not in self.erased],
            entered=[],
            rate=settings.COST_USD_PER_MINUTE,
            zone="UTC",
        )
        computed = {
            **as_buckets(base, StoredGranularity.BASE),
            **as_buckets(expected_days(base, zone="UTC"), StoredGranularity.DAY),
        }
        kept = {key: row for key, row in computed.items() if key[2] not in self.approximate}
        kept |= {key: row for key, row in stored_buckets().items() if key[2] in self.approximate}
        return {key: row for key, row in kept.items() if not self.is_frozen(key)} | self.frozen

    def is_frozen(self, key: BucketKey) -> bool:
        kept_from = self.things_kept_from[key[2]]
        return kept_from is not None and key[3] < kept_from

    @property
    def things_kept_from(self) -> dict[str, datetime | None]:
        return dict(Environment.objects.values_list("name", "things_kept_from"))

    @rule()
    def prune(self) -> None:
        self.fold_and_roll_up()
        before, funnel = stored_buckets(), stored_funnel()
        self.open_run()
        while runs.carry_on(now=self.now, seconds=60, pause=lambda seconds: None):
            pass
        assert stored_buckets() == before
        assert stored_funnel() == funnel
        self.frozen = {key: row for key, row in before.items() if self.is_frozen(key)}

    @rule(steps=st.integers(1, 3))
    def prune_until_killed(self, steps: int) -> None:
        """A run that is left after some steps; the next one goes on with it."""
        self.fold_and_roll_up()
        before = stored_buckets()
        self.open_run()
        for _ in range(steps):
            runs.carry_on(now=self.now, seconds=0, pause=lambda seconds: None)
        assert stored_buckets() == before
        self.frozen = {key: row for key, row in before.items() if self.is_frozen(key)}

    def open_run(self) -> None:
        with suppress(runs.RunIsOpen):
            runs.open_run(now=self.now, requested_by="test")

    @rule(environment=ENVIRONMENT, days=st.integers(0, 12))
    def rebuild(self, environment: str, days: int) -> None:
        """It changes nothing; before what is kept it refuses."""
        self.roll_up()
        before = stored_buckets()
        start = self.now - timedelta(days=days)
        midnight = start.replace(hour=0, minute=0)
        row = Environment.objects.get(name=environment)
        is_gone = any(kept and midnight < kept for kept in (row.raw_kept_from, row.things_kept_from))
        try:
            rebuild(
                environment=environment,
                from_date=start.date(),
                to_date=self.now.date() + timedelta(days=1),
                apply=True,
                now=self.now,
            )
        except RawEventsPruned:
            assert is_gone
        else:
            assert not is_gone
        assert stored_buckets() == before

    # Who is erased --------------------------------------------------------------------------------------

    @rule(kind=KIND, number=st.integers(0, 99), mode=MODE, later=LATER)
    def erase(self, kind: str, number: int, mode: str, later: str) -> None:
        """All events of the subject go, and no others; of KPIs nothing, if so asked."""
        self.roll_up()
        subject = self.subject(kind, number)
        own = {event.event_key for event in subject.events_in(self.present())}
        present, before = raw_keys(), stored_buckets()
        self.account_for(subject, mode=mode)
        with self.erasing():
            erase(subject, now=self.now, mode=mode, later_events=later)
        self.subjects.add(subject)
        if self.things_kept_from[subject.environment] is None:
            assert present - raw_keys() == own & present
        self.fold_and_roll_up()
        assert traces_of(subject) == []
        if mode == ErasureMode.KEEP:
            assert stored_buckets() == before
        assert stored_buckets() == self.expected()

    @rule(kind=KIND, number=st.integers(0, 99), mode=MODE, later=LATER, count=st.integers(0, 9))
    def erase_until_killed(self, kind: str, number: int, mode: str, later: str, count: int) -> None:
        """An erasure that is left after some steps. Until another worker ends it, its environment's KPIs stay."""
        self.roll_up()
        before = stored_buckets()
        subject = self.subject(kind, number)
        environment = subject.environment
        erasure = begin(subject, now=self.now, mode=mode, later_events=later)
        if mode == ErasureMode.KEEP or self.raw_kept_from(environment) is not None:
            self.approximate.add(environment)
        self.subjects.add(subject)
        with self.erasing():
            for _ in range(count):
                if erasure.state in steps.STEPS:
                    steps.take_step(erasure, now=self.now)
        self.fold_and_roll_up()
        if Erasure.objects.half_done().exists():
            assert in_environment(stored_buckets(), environment) == in_environment(before, environment)

    def finish_erasures(self) -> None:
        """Another worker goes on, also with what came up of erased users later."""
        self.now += FOLLOW_UP_AFTER
        for erasure in Erasure.objects.at_work(now=self.now).filter(requested_by__startswith="later events"):
            if erasure.mode == ErasureMode.KEEP or self.raw_kept_from(erasure.environment_id) is not None:
                self.approximate.add(erasure.environment_id)
        with self.erasing():
            steps.work(now=self.now, seconds=60)
        assert not Erasure.objects.half_done().exists()
        assert Erasure.objects.exclude(state=ErasureState.DONE).count() == 0
        with self.erasing():
            bring_up_to_date(now=self.now)
        assert {subject: traces for subject in self.subjects if (traces := traces_of(subject))} == {}

    def subject(self, kind: str, number: int) -> SubjectOfPosts:
        """One that was named by an event that was posted, accepted or not."""
        documents = [(key, json.loads(text)) for key, texts in self.posts for text in texts]
        found = {(key.environment_id, name_in(document, kind)) for key, document in documents}
        names = sorted(place for place in found if place[1])
        environment, name = names[number % len(names)] if names else (ENVIRONMENTS[0], "nobody")
        return SubjectOfPosts(environment, kind, name)

    def present(self) -> list[AcceptedEvent]:
        return [event for key, event in self.accepted.items() if key not in self.erased]

    def raw_kept_from(self, environment: str) -> datetime | None:
        return Environment.objects.get(name=environment).raw_kept_from

    def account_for(self, subject: SubjectOfPosts, *, mode: str) -> None:
        """Say what the numbers count of the subject afterwards, or that brute force cannot tell."""
        environment, events = subject.environment, self.present()
        own = subject.events_in(events)
        is_pruned = self.raw_kept_from(environment) is not None
        if mode == ErasureMode.REMOVE and not is_pruned:
            return
        if own and not subject.stands_alone_in(events):
            self.approximate.add(environment)
        # Nobody else speaks of these things, and nobody who speaks of the same ids later means them.
        present = raw_keys()
        for event in own:
            is_counted = event.event in COUNTED_EVENTS and event.event_key not in present
            if mode == ErasureMode.KEEP or is_counted:
                self.accepted["gone", self.now, event.event_key] = without_names(
                    event, mark=f"gone {self.now}"
                )
            self.erased.add(event.event_key)

    # What is decided ------------------------------------------------------------------------------------

    @rule(
        environment=st.sampled_from(("", *ENVIRONMENTS)),
        pattern=st.sampled_from(("", "workbench.*", "agent.run_completed")),
        days=st.integers(3, 10),
    )
    def keep_raw_events(self, environment: str, pattern: str, days: int) -> None:
        self.keep(RetentionSubject.RAW_EVENTS, environment, days, pattern=pattern)

    @rule(environment=st.sampled_from(("", *ENVIRONMENTS)), days=THINGS_KEPT)
    def keep_things(self, environment: str, days: int) -> None:
        self.keep(RetentionSubject.THINGS, environment, days)

    @rule(subject=st.sampled_from(("quarantine", "arrivals", "ledger")), days=st.integers(3, 10))
    def keep_others(self, subject: str, days: int) -> None:
        self.keep(subject, "", days)

    def keep(self, subject: str, environment: str, days: int, *, pattern: str = "") -> None:
        RetentionPolicy.objects.update_or_create(
            subject=subject, environment=environment, event_pattern=pattern, defaults={"keep_days": days}
        )

    @rule(environment=st.sampled_from(("", *ENVIRONMENTS)), first=st.integers(0, 10), days=st.integers(0, 4))
    def hold(self, environment: str, first: int, days: int) -> None:
        first_day = self.now.date() - timedelta(days=first)
        RetentionHold.objects.create(
            environment=environment,
            first_day=first_day,
            last_day=first_day + timedelta(days=days),
            reason="x",
        )

    @rule()
    def release(self) -> None:
        RetentionHold.objects.all().delete()

    # What always holds ----------------------------------------------------------------------------------

    @invariant()
    def received_is_accepted_and_duplicates_and_rejected(self) -> None:
        folded = LedgerHour.objects.aggregate(events=Sum("events"))["events"] or 0
        waiting = Arrival.objects.pending().values_list("accepted", "duplicates", "rejected")
        assert folded + sum(new + known + sum(bad.values()) for new, known, bad in waiting) == self.received

    @invariant()
    def accepted_is_raw_and_pruned_and_erased(self) -> None:
        reports = RetentionReport.objects.filter(subject=RetentionSubject.RAW_EVENTS)
        pruned = reports.aggregate(rows=Sum("rows"))["rows"] or 0
        erased = ErasedEvents.objects.aggregate(events=Sum("events"))["events"] or 0
        assert self.acceptances == RawEvent.objects.count() + pruned + erased


def name_in(document: Document, kind: str) -> str:
    """The subject of this kind that an event names; empty where it names none."""
    if kind == SubjectKind.SESSION:
        return str(document["sessionId"])
    names = PERSONS if kind == SubjectKind.USER else (f"{kind}Id",)
    return next((document["properties"][name] for name in names if name in document["properties"]), "")


def without_names(event: AcceptedEvent, *, mark: str) -> AcceptedEvent:
    """The event with other ids, the same in all events of an erasure."""
    ids = {name: f"{value} {mark}" for name, value in event.properties.items() if name in IDS}
    named = {name: value for name, value in event.properties.items() if name not in PERSONS}
    return replace(event, session_id=f"{event.session_id} {mark}", properties=named | ids)


def raw_keys() -> set[Any]:
    return set(RawEvent.objects.values_list("event_key", flat=True))


def in_environment(buckets: dict[BucketKey, Bucket], environment: str) -> dict[BucketKey, Bucket]:
    return {key: row for key, row in buckets.items() if key[2] == environment}


def newest_arrival() -> int:
    """The newest there was: retention may have taken the arrival itself."""
    arrivals = Arrival.objects.aggregate(newest=Max("pk"))["newest"] or 0
    return max(arrivals, RawEvent.objects.aggregate(newest=Max("arrival_id"))["newest"] or 0)


@pytest.mark.django_db(transaction=True)
def test_retention_in_any_order_loses_nothing_and_changes_no_number() -> None:
    make_keys(now=START)
    try:
        run_state_machine_as_test(Lifecycle, settings=examples(8, steps=25))
    finally:
        clear_tables()
