"""The steps that are killed: posts, rollups, replays, runs of retention, erasures, retries, digests."""

import json
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Sum

from audit.models import AuditEntry, Verb
from config import mail
from digests.addresses import seal_webhook
from digests.models import DigestSending, DigestState, DigestSubscription
from digests.sending import send_due
from digests.subscriptions import save_subscription
from kpis.compute.rollup import bring_up_to_date
from telemetry.intake.ingest import ingest_events
from telemetry.keys import change_key
from telemetry.lifecycle import partitions, quarantine_jobs
from telemetry.lifecycle.erasure import ErasureRequest, confirm, request_erasure, skip_preview
from telemetry.lifecycle.quarantine_jobs import request_job
from telemetry.lifecycle.retention import runs
from telemetry.models import (
    ApiKey,
    Arrival,
    Environment,
    ErasedEvents,
    Erasure,
    LedgerHour,
    QuarantinedEvent,
    QuarantineJob,
    QuarantineWork,
    RawEvent,
    RetentionPolicy,
    RetentionReport,
    RetentionRun,
)
from telemetry.plan import get_plan
from tests.crash.harness import Scenario
from tests.oracle.streams import SPRING, Batch, deliveries, posted, realistic
from tests.oracle.system import Keys, clear_tables, find_keys, make_keys, tables
from tests.telemetry.notices.receivers import OnFreePort
from workbench.erasure import steps
from workbench.models import EventCount, RetryRequest, RetryState, WorkflowRun
from workbench.retries.requesting import request_retry
from workbench.retries.schedule import CLAIM, send_next

NOW = SPRING.now
BAD = b'{"event": "workbench.no_such_event"}'
NOT_KEPT = b'{"event": "workbench.chat_message_sent", "properties": {"messageLength": "a b"}}'


def named(name: str) -> Scenario:
    scenarios = {
        "ingest": Ingest,
        "rollup": RollUp,
        "replay": Replay,
        "prune": Prune,
        "prune_things": PruneThings,
        "erasure": Erase,
        "retry": Retry,
        "digest": SendDigest,
        "torn": Torn,
    }
    return scenarios[name]()


def message(number: int) -> bytes:
    document = {"event": "workbench.chat_message_sent", "properties": {"messageLength": number}}
    moment = NOW - timedelta(hours=number)
    post = posted(document, environment="", source="", session="s", moment=moment, event_id=f"e-{number}")
    return json.dumps(post.document).encode()


BAD_NUMBER = message(4).replace(b'"messageLength": 4', b'"messageLength": -4')


class WithKeys(Scenario):
    def load(self) -> None:
        get_plan()

    def set_up(self) -> None:
        make_keys(now=NOW)


class Ingest(WithKeys):
    """A post of two new events, one that is known, one that is there twice and a bad one."""

    earlier = [message(1)]
    documents = [message(2), message(1), BAD, message(30), message(30)]

    def prepare(self) -> None:
        clear_tables()
        self.post(self.earlier)

    def step(self) -> Any:
        return self.post(self.documents)

    def post(self, documents: Sequence[bytes]) -> tuple[int, int, int]:
        result = ingest_events(documents, key=ApiKey.objects.earliest("pk"), now=NOW)
        return result.accepted, result.duplicates, result.rejected

    def take_over(self, *, answer: Any) -> Any:
        """Check that the post is stored whole or not at all, send it again, and roll up."""
        posts = Arrival.objects.count()
        stored = [RawEvent.objects.count(), QuarantinedEvent.objects.count()]
        if stored != ([3, 1] if posts == 2 else [1, 0]):
            raise AssertionError(f"stored in part: {stored} after {posts} posts")
        if answer is not None and (posts != 2 or answer != (2, 2, 1)):
            raise AssertionError(f"answered {answer} with {posts} posts")
        again = self.step()
        if again != ((0, 4, 1) if posts == 2 else (2, 2, 1)):
            raise AssertionError(f"{again} for the resend after {posts} posts")
        bring_up_to_date(now=NOW)
        check_ledger(received=1 + 5 * posts)
        # The resend itself is counted: what was refused or known is there once a post.
        kept = ("RawEvent", "EventCount", "Session", "KpiBucket", "Freshness")
        return {name: rows for name, rows in tables().items() if name in kept}


class RollUp(WithKeys):
    """Folding and rolling up many posts, of which half come after the first numbers were computed."""

    def load(self) -> None:
        super().load()
        _ = self.batches

    @cached_property
    def batches(self) -> list[Batch]:
        posts = realistic(seed=5, now=NOW, sessions=4, days=3)
        return deliveries(posts, seed=5)

    def prepare(self) -> None:
        clear_tables()
        keys = find_keys()
        half = len(self.batches) // 2
        post_all(self.batches[:half], keys=keys)
        bring_up_to_date(now=NOW - timedelta(seconds=1))
        post_all(self.batches[half:], keys=keys)
        ingest_events([BAD], key=keys["staging", "web", 0], now=NOW)

    def step(self) -> Any:
        bring_up_to_date(now=NOW)

    def take_over(self, *, answer: Any) -> Any:
        bring_up_to_date(now=NOW)
        if Arrival.objects.filter(taken_at=None).exists():
            raise AssertionError("arrivals were left behind")
        check_ledger(received=1 + sum(len(batch.documents) for batch in self.batches))
        return tables()


def post_all(batches: Sequence[Batch], *, keys: Keys) -> None:
    for batch in batches:
        ingest_events(batch.documents, key=keys[batch.environment, batch.source, batch.key], now=NOW)


class Replay(WithKeys):
    """A replay in three steps, of events of which one came again, one is bad and one was not kept whole."""

    def prepare(self) -> None:
        clear_tables()
        key = ApiKey.objects.earliest("pk")
        change_key(key=key, allowed_events=["agent.*"], notes="")
        documents = [message(1), message(2), message(2), BAD_NUMBER, message(3), NOT_KEPT]
        ingest_events(documents, key=key, now=NOW)
        change_key(key=key, allowed_events=[], notes="")
        ingest_events([message(1)], key=key, now=NOW)
        bring_up_to_date(now=NOW)
        request_job(work=QuarantineWork.REPLAY, selection={}, requested_by="jo", now=NOW)

    def step(self) -> Any:
        with patch.object(quarantine_jobs, "ROWS_PER_STEP", 2):
            quarantine_jobs.work_on_jobs(now=NOW, seconds=60)

    def take_over(self, *, answer: Any) -> Any:
        """Go on with the job, and roll up: the job's counts and all tables are what they ever were."""
        self.step()
        bring_up_to_date(now=NOW)
        job = QuarantineJob.objects.get()
        if (job.accepted, job.duplicates, job.rejected, job.not_kept) != (2, 2, 1, 1):
            raise AssertionError(f"the job counted {job.accepted}, {job.duplicates}, {job.rejected}")
        check_ledger(received=6 + 1 + 4)
        return tables()


class Prune(WithKeys):
    """A run that removes raw events (a partition, or an environment's rows of it) and the quarantine, and sums up the
    ledger."""

    moment = NOW + timedelta(days=45)
    subjects: tuple[str, ...] = ("raw_events", "quarantine", "ledger")

    def load(self) -> None:
        super().load()
        _ = self.batches

    @cached_property
    def batches(self) -> list[Batch]:
        return deliveries(realistic(seed=5, now=NOW, sessions=1, days=2), seed=5)

    def prepare(self) -> None:
        clear_tables()
        partitions.ensure_partitions(today=NOW.date())
        keys = find_keys()
        post_all(self.batches, keys=keys)
        ingest_events([BAD], key=keys["staging", "web", 0], now=NOW)
        bring_up_to_date(now=NOW)
        for subject in self.subjects:
            RetentionPolicy.objects.create(subject=subject, keep_days=44)
        RetentionPolicy.objects.create(subject="raw_events", environment="staging", keep_days=46)

    def step(self) -> Any:
        runs.open_run(now=self.moment, requested_by="victim")
        self.carry_on()

    def carry_on(self) -> None:
        while runs.carry_on(now=self.moment, seconds=60, pause=no_pause):
            pass

    def take_over(self, *, answer: Any) -> Any:
        """Go on with the run, or begin it; no event is lost to the counts, and no KPI has changed."""
        received = 1 + sum(len(batch.documents) for batch in self.batches)
        check_kept(received=received)
        if not RetentionRun.objects.exists():
            self.step()
        self.carry_on()
        check_kept(received=received)
        # A copy is refused, not stored anew: the door knows since when.
        first = next(iter(RetentionReport.objects.filter(subject="raw_events").values_list("day", flat=True)))
        result = ingest_events([message_at(first)], key=find_keys()["production", "web", 0], now=NOW)
        if result.accepted:
            raise AssertionError("an event of a pruned day came in")
        left_out = {"RetentionRun", "RetentionReport", "RetentionPolicy", "Arrival", "QuarantinedEvent"}
        found = {name: rows for name, rows in tables().items() if name not in left_out}
        reports = RetentionReport.objects.values_list("subject", "environment", "event", "day", "rows")
        return found | {"reports": Counter(reports)}


class PruneThings(Prune):
    """The same with sessions, drafts, runs and approvals. Not in the suite: its tables make it twice as long."""

    subjects = (*Prune.subjects, "things")


def no_pause(seconds: float) -> None:
    """Nobody posts meanwhile."""


def message_at(day: date) -> bytes:
    document = json.loads(message(1))
    return json.dumps(document | {"timestamp": f"{day}T00:00:00Z"}).encode()


def check_kept(*, received: int) -> None:
    """received = accepted + duplicate + rejected, and accepted = raw + pruned."""
    ledger = Counter(dict(LedgerHour.objects.values_list("outcome").annotate(Sum("events"))))
    pruned = RetentionReport.objects.filter(subject="raw_events").aggregate(rows=Sum("rows"))["rows"] or 0
    if ledger.total() != received or ledger["accepted"] != RawEvent.objects.count() + pruned:
        raise AssertionError(f"{dict(ledger)} of {received}, {RawEvent.objects.count()} raw, {pruned} pruned")


class Erase(WithKeys):
    """Erasing a user who shares a draft, a run and an approval with somebody else, while events wait to be folded."""

    def prepare(self) -> None:
        clear_tables()
        key = find_keys()["production", "web", 0]
        ingest_events([*self.of_session("s-1", "u-1"), *self.of_session("s-2", "u-2")], key=key, now=NOW)
        bring_up_to_date(now=NOW - timedelta(seconds=1))
        ingest_events(
            [BAD, said("s-1", "workbench.draft_edited", draftId="d", editType="chat")], key=key, now=NOW
        )
        request = ErasureRequest(environment="production", kind="user", subject="u-1")
        skip_preview(request_erasure(request, requested_by="test", now=NOW))

    def of_session(self, session: str, user: str) -> list[bytes]:
        return [
            said(session, "workbench.session_started", userId=user),
            said(session, "workbench.draft_created", source="chat"),
            said(session, "workbench.draft_accepted", draftId="d"),
            said(session, "workbench.workflow_run_completed", runId="r", status="completed"),
            said(session, "agent.run_started", runId="r", agentRunId=f"a-{session}", agentName="planner"),
            said(session, "workbench.approval_requested", toolIds=["t"], contextType="x", approvalId="p"),
            said(session, "workbench.approval_completed", approved=True, approvalId="p", approverId="u-1"),
        ]

    def step(self) -> Any:
        erasure = Erasure.objects.get()
        confirm(erasure)
        steps.run_to_end(erasure, now=NOW)

    def take_over(self, *, answer: Any) -> Any:
        """Whoever asked asks again if the confirmation was lost; else the next worker goes on by itself."""
        erasure = Erasure.objects.get()
        if erasure.state == "previewed":
            confirm(erasure)
        steps.work(now=NOW, seconds=60)
        bring_up_to_date(now=NOW)
        erased = ErasedEvents.objects.aggregate(total=Sum("events"))["total"]
        if Erasure.objects.exclude(state="done").exists() or erased != 9:
            raise AssertionError(f"erased {erased} events")
        if LedgerHour.objects.get(outcome="accepted").events != RawEvent.objects.count() + erased:
            raise AssertionError("accepted is not raw and erased")
        return tables()


def said(session: str, name: str, **properties: Any) -> bytes:
    document = {"event": name, "properties": properties}
    post = posted(document, environment="", source="", session=session, moment=NOW - timedelta(hours=1))
    return json.dumps(post.document).encode()


class Retry(WithKeys):
    """A person asks for a retry, and its first attempt is sent to a receiver that notes the ids of what it is told."""

    def load(self) -> None:
        super().load()
        # Forks have no threads: the receiver lives in the process that they are forked from, and notes ids in a file.
        self.noted = Path(tempfile.mkdtemp()) / "ids"
        server = ThreadingHTTPServer(("127.0.0.1", 0), receiver_that_notes(self.noted))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.RETRY_WEBHOOK_URL = f"http://127.0.0.1:{server.server_port}/"
        settings.RETRY_WEBHOOK_SECRET = "whsec_" + "c2Vj" * 8

    def set_up(self) -> None:
        super().set_up()
        User.objects.create_superuser("ada")

    def prepare(self) -> None:
        clear_tables()
        WorkflowRun.objects.create(environment="production", run_id="r-1", status="failed")

    def step(self) -> Any:
        self.noted.write_text("")
        self.ask()
        send_next(now=NOW)

    def ask(self) -> None:
        request_retry(run=WorkflowRun.objects.get(), person=User.objects.get(), now=NOW)

    def take_over(self, *, answer: Any) -> Any:
        """Whoever asked asks again where nothing was committed; then the next worker goes on."""
        if not RetryRequest.objects.exists():
            if self.noted.read_text():
                raise AssertionError("something was sent that was not committed")
            self.ask()
        turns = 0
        while RetryRequest.objects.get().state == RetryState.PENDING and turns < 3:
            turns += 1
            send_next(now=NOW + turns * CLAIM)
        made = RetryRequest.objects.get()
        if set(self.noted.read_text().split()) != {str(made.message_id)}:
            raise AssertionError(f"{self.noted.read_text()} was sent for {made.message_id}")
        entries = AuditEntry.objects.filter(verb=Verb.RETRIED, object_pk=str(made.pk)).count()
        return {
            "RetryRequest": Counter([(made.run_id, made.state, made.new_run_id, entries)]),
            "BridgeCounter": tables()["BridgeCounter"],
        }


def receiver_that_notes(path: Path) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with path.open("a") as file:
                file.write(f"{self.headers.get('webhook-id', 'post')}\n")
            body = b'{"runId": "r-2"}'
            self.send_response(202)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler


class SendDigest(Scenario):
    """A digest is entered, mailed and posted; a mail server and a chat note what they are handed."""

    due_at = datetime(2026, 3, 30, 6, tzinfo=UTC)

    def load(self) -> None:
        # As for retries, the servers live in the process that all are forked from.
        self.noted = Path(tempfile.mkdtemp()) / "ids"
        chat = ThreadingHTTPServer(("127.0.0.1", 0), receiver_that_notes(self.noted))
        threading.Thread(target=chat.serve_forever, daemon=True).start()
        box = NotingBox(self.noted)
        controller = OnFreePort(box, hostname="127.0.0.1", port=0)
        controller.start()
        settings.EMAIL_URL, settings.EMAIL_BACKEND = "smtp://127.0.0.1", mail.SMTP
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
        self.place = f"127.0.0.1:{chat.server_port}"
        settings.DIGEST_CHAT_HOSTS = [self.place]

    def set_up(self) -> None:
        Environment.objects.create(name="production")
        User.objects.create_superuser("ada", "ada@example.com")

    def prepare(self) -> None:
        clear_tables()
        DigestSubscription.objects.all().delete()
        subscription = DigestSubscription(
            user=User.objects.get(), time_zone="Europe/Berlin", webhook=seal_webhook(f"http://{self.place}/x")
        )
        save_subscription(subscription, now=self.due_at - timedelta(days=1))

    def step(self) -> Any:
        self.noted.write_text("")
        send_due(now=self.due_at)

    def take_over(self, *, answer: Any) -> Any:
        """The task goes on for an hour, and says of nothing that it was sent which was not."""
        for minute in range(1, 61, 5):
            send_due(now=self.due_at + timedelta(minutes=minute))
        noted = Counter(self.noted.read_text().split())
        if noted != {"mail": 1, "post": 1}:
            raise AssertionError(f"received {dict(noted)}")
        states = dict(DigestSending.objects.values_list("channel", "state"))
        if not {*states.values()} <= {DigestState.SENT, DigestState.UNSURE}:
            raise AssertionError(f"left as {states}")
        return {"DigestSending": Counter(DigestSending.objects.values_list("occasion", "channel"))}


class NotingBox:
    """A mail server that notes each mail that it takes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        with self.path.open("a") as file:
            file.write("mail\n")
        return "250 OK"


class Torn(Scenario):
    """What the harness must find fault with: a step of two commits that can't be repeated."""

    def set_up(self) -> None:
        pass

    def prepare(self) -> None:
        clear_tables()

    def step(self) -> Any:
        for event in ("first", "second"):
            EventCount.objects.create(
                environment="production", bucket_start=NOW, event=event, variant="", events=1
            )

    def take_over(self, *, answer: Any) -> Any:
        if not EventCount.objects.filter(event="first").exists():
            self.step()
        return tables(of=["workbench"])


def check_ledger(*, received: int) -> None:
    """Every received event is in the ledger once, and the accepted ones are those that are stored."""
    ledger = Counter(dict(LedgerHour.objects.values_list("outcome").annotate(Sum("events"))))
    if ledger.total() != received or ledger["accepted"] != RawEvent.objects.count():
        raise AssertionError(f"the ledger has {dict(ledger)} of {received} events")
