"""What runs inside a process that has the portal's Django (see servers.Inside). All times are seconds."""

import heapq
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import islice
from operator import itemgetter

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import Client
from django.utils import timezone

from benchmarks.events import TEAM, Team, make_events
from benchmarks.made_runs import make_runs, place_of_page
from benchmarks.retention.old_events import drop_plainly, load_old_events, prune
from benchmarks.scrape.portal import (
    ENVIRONMENTS,
    count_series,
    load_names,
    post_names,
    time_scrapes,
)
from benchmarks.scrape.portal import TEAM as SCRAPED_TEAM
from benchmarks.worst_cases import WorstCase, plain_text, worst_cases
from config.processes import startup
from config.server import garbage
from kpis.compute import rollup
from metrics.collector import snapshots
from pages.polling.fragments import fragments
from people.models import Role
from people.roles import give_role
from telemetry import keys
from telemetry.door.protocols.otlp import protobuf, translating
from telemetry.intake import quarantine
from telemetry.intake.ingest import check_events, ingest_events
from telemetry.intake.storage import EventRow
from telemetry.lifecycle import erasure, partitions
from telemetry.models import ApiKey, Environment, Erasure, Scope, SubjectKind
from telemetry.plan.schema import MAX_BATCH_EVENTS
from workbench.erasure import steps
from workbench.models import ApprovalDecision, Draft

ENVIRONMENT = "production"
SOURCE = "bench"
# Of the hostile cases.
MEASURED_AGAIN = 10
# No post of a benchmark is throttled.
REQUESTS_PER_MINUTE = 100_000_000
OURS = ("telemetry", "workbench", "kpis", "benchmarks")
# Called by name, as those below.
__all__ = [
    "count_series",
    "drop_plainly",
    "load_old_events",
    "make_runs",
    "place_of_page",
    "post_names",
    "prune",
    "time_scrapes",
]
# They say where events come from; everything else comes from events.
KEPT = (Environment, ApiKey)


def prepare_database() -> None:
    """The tables of the portal and of the benchmarks' own app."""
    call_command("migrate", interactive=False, verbosity=0, run_syncdb=True)
    partitions.ensure_partitions(today=today())


def prepare_static_files() -> None:
    startup.collect_static_files()


def hang_up() -> None:
    """A database is copied and dropped only while nobody is connected to it."""
    connections.close_all()
    if isinstance(connection, DatabaseWrapper):
        connection.close_pool()


def web_command() -> list[str]:
    """How `manage.py portal` starts its web server."""
    return startup.web_command()


def make_key(*, environment: str = ENVIRONMENT) -> str:
    """The secret of a new ingest key."""
    _, secret = keys.create_key(
        scope=Scope.INGEST,
        environment=environment,
        source=SOURCE,
        now=timezone.now(),
        requests_per_minute=REQUESTS_PER_MINUTE,
    )
    return secret


def rows_of(events: Sequence[bytes]) -> list[EventRow]:
    """The rows that the door would store of these events, in the order in which it stores them."""
    key = ApiKey.objects.get(source=SOURCE)
    batch = check_events(events, key=key, now=timezone.now())
    if len(batch.rows) != len(events):
        raise ValueError(f"{len(events) - len(batch.rows)} of the made-up events are not good")
    return batch.rows


def events_of_spans(bodies: Sequence[bytes]) -> list[bytes]:
    """The events of requests of spans, in protobuf, as JSON texts. Raises ValueError for a span without a place."""
    events = [event for body in bodies for event in translating.translate(protobuf.read(body)).events]
    texts = [event for event in events if isinstance(event, bytes)]
    if len(texts) != len(events):
        raise ValueError(f"{len(events) - len(texts)} of the made-up spans are not good")
    return texts


def load_history(
    *,
    events: int,
    days: int,
    user: str = "",
    seed: int = 0,
    environment: str = ENVIRONMENT,
    team: Team = TEAM,
) -> None:
    """Ingests and folds `events` events of the `days` days before today, as if each had come at its day's end.

    They are those of one user if there is a name.
    """
    key = ApiKey.objects.get(source=SOURCE, environment=environment)
    midnight = datetime.combine(today(), datetime.min.time(), UTC)
    for index in range(days):
        start = midnight + timedelta(days=index - days)
        partitions.ensure_partitions(today=start.date())
        share = events * (index + 1) // days - events * index // days
        end = start + timedelta(days=1)
        day_events = make_events(share, seed=seed + index, start=start, end=end, user=user, team=team)
        while batch := list(islice(day_events, MAX_BATCH_EVENTS)):
            ingest_events(batch, key=key, now=end)
    rollup.bring_up_to_date(now=timezone.now())
    settle()


def load_environments(*, events: int, days: int) -> None:
    """Three environments that share the events. They have all names, also where there are few events."""
    for number, environment in enumerate(ENVIRONMENTS):
        make_key(environment=environment)
        share = events * (number + 1) // len(ENVIRONMENTS) - events * number // len(ENVIRONMENTS)
        load_history(events=share, days=days, environment=environment, team=SCRAPED_TEAM)
        load_names(environment, now=timezone.now())
    settle()


def load_user(*, events: int, days: int, user: str, seed: int) -> None:
    """As `load_history`, all of one user but for what the app server reports in a session of its own."""
    load_history(events=events * 11 // 10, days=days, user=user, seed=1_000 * (seed + 1))


def request_erasure(*, user: str) -> None:
    """Ask for the erasure of the user, and confirm it."""
    request = erasure.ErasureRequest(environment=ENVIRONMENT, kind=SubjectKind.USER, subject=user)
    requested = erasure.request_erasure(request, requested_by="bench", now=timezone.now())
    erasure.skip_preview(requested)
    erasure.confirm(requested)


def erase_for(*, seconds: float, events: int) -> tuple[bool, float]:
    """Work on the erasure for about so many seconds: whether anything is left of it, and the seconds it took."""
    erased = Erasure.objects.latest("pk")
    began_at = time.perf_counter()
    steps.work_on(erased, now=timezone.now(), seconds=seconds)
    took = time.perf_counter() - began_at
    is_left = erased.state in steps.STEPS
    if not is_left and erased.receipt.get("raw_events_total", 0) < events:
        raise ValueError(f"the erasure of {events} events ended as {erased.state}: {erased.receipt}")
    return is_left, took


def drain() -> float:
    """Folds and rolls up all that is pending."""
    began_at = time.perf_counter()
    rollup.bring_up_to_date(now=timezone.now(), wait=True)
    return time.perf_counter() - began_at


def time_worst_cases(*, every: int, body_bytes: int, dry_run: bool) -> tuple[str, float, float]:
    """(name, CPU seconds, CPU seconds of plain events) of the costliest case; only one case in `every` is tried."""
    now = datetime(2026, 2, 15, 12, tzinfo=UTC)
    partitions.ensure_partitions(today=now.date())
    # As in a web worker.
    garbage.spare_what_is_loaded()
    seconds = partial(least_cpu_seconds, now=now, dry_run=dry_run)
    plain = seconds(plain_text(body_bytes=body_bytes), runs=5)
    # The costliest are measured again, because of so many cases some were only unlucky.
    cases = worst_cases(body_bytes=body_bytes, every=every)
    found = ((seconds(case, runs=2), case) for case in cases)
    candidates = heapq.nlargest(MEASURED_AGAIN, found, key=itemgetter(0))
    costliest, name = max((seconds(case, runs=5), case.name) for _, case in candidates)
    return f"{'checked' if dry_run else 'stored'}: {name}", costliest, plain


def least_cpu_seconds(case: WorstCase, *, runs: int, now: datetime, dry_run: bool) -> float:
    """Of several runs the least: what else the machine does only adds."""
    return min(cpu_seconds(case, now=now, dry_run=dry_run) for _ in range(runs))


def cpu_seconds(case: WorstCase, *, now: datetime, dry_run: bool) -> float:
    key = ApiKey.objects.get(source=SOURCE)
    quarantine.budgets.clear()
    began_at = time.thread_time()
    ingest_events(case.events, key=key, now=now, dry_run=dry_run)
    seconds = time.thread_time() - began_at
    if not dry_run:
        forget_events()
    return seconds


def forget_events() -> None:
    """Empties every table that grows with events, once the last of the posts before is answered."""
    wait_until_idle()
    models = [model for model in apps.get_models() if model._meta.app_label in OURS and model not in KEPT]
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(model._meta.db_table for model in models)}")


def wait_until_idle() -> None:
    """A client that stops leaves posts behind that are still being answered."""
    quiet = 0
    while quiet < 3:
        time.sleep(0.05)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()"
            )
            quiet = quiet + 1 if cursor.fetchone()[0] == 0 else 0


def settle() -> None:
    """What the server would do at some time anyway is done before the clock starts."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
        else:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def checkpoint() -> None:
    """What was written before is on the disk, and does not slow down what comes now."""
    wait_until_idle()
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")


def counts() -> dict[str, int]:
    """What the door says it did with the events that are in the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(sum(accepted), 0), coalesce(sum(duplicates), 0) FROM telemetry_arrival"
        )
        posts, accepted, duplicates = cursor.fetchone()
    return {"posts": posts, "accepted": accepted, "duplicates": duplicates}


def sign_in(count: int) -> list[str]:
    """The keys of so many sessions of a person who may look at everything."""
    user, _ = get_user_model().objects.get_or_create(username="viewer")
    give_role(user=user, role=Role.OPERATOR)
    sessions = []
    for _ in range(count):
        client = Client(SERVER_NAME="127.0.0.1")
        client.force_login(user)
        sessions.append(client.cookies[settings.SESSION_COOKIE_NAME].value)
    return sessions


class Visitor:
    """A person who is signed in, without a network between."""

    client: Client | None = None

    def get(self, path: str) -> None:
        if self.client is None:
            user, _ = get_user_model().objects.get_or_create(username="bench")
            give_role(user=user, role=Role.OPERATOR)
            self.client = Client(SERVER_NAME="127.0.0.1")
            self.client.force_login(user)
        answer = self.client.get(path)
        if answer.status_code != 200:
            raise ValueError(f"{path} answers {answer.status_code}")


visitor = Visitor()


def things_with_pages() -> dict[str, str]:
    """The ids of a session, a draft and an approval, of the newest decision and acceptance.

    Raises ValueError for an environment without them: what Django raises cannot be sent to another process.
    """
    decision = ApprovalDecision.objects.exclude(approval_id="").order_by("decided_at").last()
    draft = Draft.objects.exclude(accepted_at=None).order_by("accepted_at").last()
    if decision is None or draft is None:
        raise ValueError("too few events: no approval was decided, or no draft accepted")
    return {"session": decision.session_id, "draft": draft.draft_id, "approval": decision.approval_id}


def time_page(*, path: str) -> float:
    """Server time of one GET, middleware and template included, which reads the database every time."""
    snapshots.forget()
    fragments.forget()
    began_at = time.perf_counter()
    visitor.get(path)
    return time.perf_counter() - began_at


def today() -> date:
    return timezone.now().astimezone(UTC).date()
