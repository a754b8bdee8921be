"""The things that events are about: sessions, drafts, runs, approvals. The fold writes them.

Every moment is the event's own time, in UTC.

A thing outlives its raw events. KPIs are computed from these tables, so a KPI can be rebuilt where raw events are
gone. Merges are commutative and idempotent: the earliest, the latest, or the smallest known value.

An index begins with the column that tells rows apart, and ends with the environment. If it began with the
environment, PostgreSQL might choose it to read the whole environment, on a table that it has not analysed yet.
"""

from django.db import models
from django.db.models import Q


class Session(models.Model):
    """A workbench session: one (environment, sessionId) that started, ended or took a step of the funnel."""

    environment = models.CharField(max_length=64)
    session_id = models.CharField(max_length=128)
    user_hash = models.CharField(max_length=128, db_default="")
    started_at = models.DateTimeField(null=True, help_text="Earliest session_started")
    ended_at = models.DateTimeField(null=True, help_text="Earliest session_ended")
    duration_ms = models.BigIntegerField(null=True, help_text="The shortest that was reported")
    # The funnel's steps: the earliest event of each.
    draft_created_at = models.DateTimeField(null=True)
    draft_accepted_at = models.DateTimeField(null=True)
    run_started_at = models.DateTimeField(null=True)
    run_completed_at = models.DateTimeField(null=True)
    # The number of the fold that counted its duration in the metric bridge; 0 while none has.
    observed_in = models.BigIntegerField(db_default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="session_unique", fields=["session_id", "environment"]),
        ]
        indexes = [
            models.Index(name="session_started", fields=["started_at", "environment"]),
        ]

    def __str__(self) -> str:
        return f"session {self.session_id}"


class Draft(models.Model):
    """A draft: one (environment, draftId). It counts in the bucket of `accepted_at`, once."""

    environment = models.CharField(max_length=64)
    draft_id = models.CharField(max_length=128)
    created_at = models.DateTimeField(null=True, help_text="Its earliest draft_created")
    accepted_at = models.DateTimeField(null=True, help_text="Its earliest draft_accepted")
    # Session of the earliest acceptance (the smallest id where several share the moment).
    accepted_session_id = models.CharField(max_length=128, db_default="")
    rejected_at = models.DateTimeField(null=True)
    edited_at = models.DateTimeField(null=True, help_text="Its latest draft_edited")
    template_inserted_at = models.DateTimeField(null=True, help_text="Its earliest template_inserted")
    # One of its draft_created or draft_accepted events has source = template.
    has_template_source = models.BooleanField(db_default=False)
    source = models.CharField(max_length=32, db_default="", help_text="source of its creation")
    # The creation without draftId that it was paired with; recomputed for the whole session.
    paired_created_at = models.DateTimeField(null=True)
    paired_source = models.CharField(max_length=32, db_default="")
    # accepted_at and accepted_session_id before the last merge: it may have left that bucket and that session.
    prior_accepted_at = models.DateTimeField(null=True, editable=False)
    prior_accepted_session_id = models.CharField(max_length=128, db_default="", editable=False)
    observed_in = models.BigIntegerField(db_default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="draft_unique", fields=["draft_id", "environment"]),
        ]
        indexes = [
            # The rollup reads the drafts of a bucket.
            models.Index(name="draft_accepted", fields=["accepted_at", "environment"]),
            # The pairing reads the acceptances of a session.
            models.Index(
                name="draft_accepted_session",
                fields=["accepted_session_id", "environment"],
                condition=~Q(accepted_session_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"draft {self.draft_id}"


class DraftCreation(models.Model):
    """A `draft_created` without draftId: it waits for an acceptance of its session (see fold/pairing.py)."""

    event_key = models.UUIDField(primary_key=True)
    environment = models.CharField(max_length=64)
    session_id = models.CharField(max_length=128)
    created_at = models.DateTimeField()
    source = models.CharField(max_length=32)

    class Meta:
        indexes = [
            models.Index(name="draft_creation_session", fields=["session_id", "environment"]),
        ]

    def __str__(self) -> str:
        return f"draft without id in session {self.session_id}"


class WorkflowRun(models.Model):
    """A workflow run: one (environment, runId). It counts in the bucket of its earliest completion."""

    environment = models.CharField(max_length=64)
    run_id = models.CharField(max_length=128)
    session_id = models.CharField(max_length=128, db_default="")
    draft_id = models.CharField(max_length=128, db_default="")
    workflow_id = models.CharField(max_length=200, db_default="")
    workflow_name = models.CharField(max_length=200, db_default="")
    trigger = models.CharField(max_length=16, db_default="")
    trace_id = models.CharField(max_length=128, db_default="")
    started_at = models.DateTimeField(null=True, help_text="Its earliest workflow_run_started")
    completed_at = models.DateTimeField(null=True, help_text="Its earliest workflow_run_completed")
    # From here on: what its earliest completion says; of several in one moment, the one with the smallest event key.
    completed_key = models.UUIDField(null=True, editable=False)
    status = models.CharField(max_length=16, db_default="", help_text="Empty while it runs")
    duration_ms = models.BigIntegerField(null=True)
    error_type = models.CharField(max_length=200, db_default="")
    # completed_at before the last merge: it may have left that bucket.
    prior_completed_at = models.DateTimeField(null=True, editable=False)
    # The numbers of the folds that counted its completion and its duration in the metric bridge; 0 while none has.
    counted_in = models.BigIntegerField(db_default=0, editable=False)
    observed_in = models.BigIntegerField(db_default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="workflow_run_unique", fields=["run_id", "environment"]),
        ]
        indexes = [
            models.Index(name="workflow_run_completed", fields=["completed_at", "environment"]),
            # Active runs, newest first.
            models.Index(
                name="workflow_run_active",
                fields=["started_at", "environment"],
                condition=Q(completed_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.run_id}"


class AgentRun(models.Model):
    """An agent's run within a workflow run: one (environment, agentRunId)."""

    environment = models.CharField(max_length=64)
    agent_run_id = models.CharField(max_length=128)
    run_id = models.CharField(max_length=128, db_default="")
    session_id = models.CharField(max_length=128, db_default="")
    agent_name = models.CharField(max_length=200, db_default="")
    agent_id = models.CharField(max_length=128, db_default="")
    action = models.CharField(max_length=200, db_default="")
    model = models.CharField(max_length=200, db_default="")
    attempt = models.BigIntegerField(null=True, help_text="The highest attempt that was reported")
    trace_id = models.CharField(max_length=128, db_default="")
    span_id = models.CharField(max_length=128, db_default="")
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    # From here on: what its earliest completion says; of several in one moment, the one with the smallest event key.
    completed_key = models.UUIDField(null=True, editable=False)
    status = models.CharField(max_length=16, db_default="", help_text="Empty while it runs")
    duration_ms = models.BigIntegerField(null=True)
    error_type = models.CharField(max_length=200, db_default="")
    cost_micro_usd = models.BigIntegerField(null=True)
    input_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    # completed_at and run_id before the last merge: it may have left that bucket and that run.
    prior_completed_at = models.DateTimeField(null=True, editable=False)
    prior_run_id = models.CharField(max_length=128, db_default="", editable=False)
    counted_in = models.BigIntegerField(db_default=0, editable=False)
    observed_in = models.BigIntegerField(db_default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="agent_run_unique", fields=["agent_run_id", "environment"]),
        ]
        indexes = [
            models.Index(name="agent_run_completed", fields=["completed_at", "environment"]),
            # A run's agents, on its page and for its cost.
            models.Index(name="agent_run_of_run", fields=["run_id", "environment"]),
        ]

    def __str__(self) -> str:
        return f"agent run {self.agent_run_id}"


class ApprovalRequest(models.Model):
    """One `approval_requested`. An approval is a request and the decision that answers it."""

    event_key = models.UUIDField(primary_key=True)
    environment = models.CharField(max_length=64)
    session_id = models.CharField(max_length=128)
    approval_id = models.CharField(max_length=128, help_text="Empty when the event has none")
    run_id = models.CharField(max_length=128)
    tool_ids = models.TextField(help_text="The tools asked for: a JSON list, sorted")
    context_type = models.CharField(max_length=200)
    requested_at = models.DateTimeField()
    # The decision that answers it; recomputed for the whole session (see fold/pairing.py).
    decided_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(name="approval_request_session", fields=["session_id", "environment"]),
            models.Index(
                name="approval_request_id",
                fields=["approval_id", "environment"],
                condition=~Q(approval_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"approval requested in session {self.session_id}"


class ApprovalDecision(models.Model):
    """One `approval_completed`, with the request that it answers. It counts in the bucket of `decided_at`."""

    event_key = models.UUIDField(primary_key=True)
    environment = models.CharField(max_length=64)
    session_id = models.CharField(max_length=128)
    approval_id = models.CharField(max_length=128, help_text="Empty when the event has none")
    run_id = models.CharField(max_length=128)
    tool_ids = models.TextField(help_text="The tools decided on: a JSON list, sorted; empty: not named")
    approver_hash = models.CharField(max_length=128)
    approved = models.BooleanField()
    decided_at = models.DateTimeField()
    # Recomputed for the whole session (see fold/pairing.py).
    requested_at = models.DateTimeField(null=True, help_text="The request it answers; empty: none is known")
    is_repeat = models.BooleanField(db_default=False, help_text="An earlier decision has the same approvalId")
    is_observed = models.BooleanField(db_default=False)

    class Meta:
        indexes = [
            models.Index(name="approval_decided", fields=["decided_at", "environment"]),
            models.Index(name="approval_decision_session", fields=["session_id", "environment"]),
            models.Index(
                name="approval_decision_id",
                fields=["approval_id", "environment"],
                condition=~Q(approval_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"approval decided in session {self.session_id}"


class LinkKind(models.TextChoices):
    USER = "user", "User"
    APPROVER = "approver", "Approver"
    DRAFT = "draft", "Draft"
    RUN = "run", "Run"
    AGENT_RUN = "agent_run", "Agent run"


class SessionLink(models.Model):
    """A session named this user, approver, draft, run or agent run. Erasures ask who else shares a thing."""

    environment = models.CharField(max_length=64)
    kind = models.CharField(max_length=16, choices=LinkKind)
    thing_id = models.CharField(max_length=128, help_text="An id, or the keyed hash of a person")
    session_id = models.CharField(max_length=128)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="session_link_unique", fields=["thing_id", "session_id", "kind", "environment"]
            ),
        ]
        indexes = [
            models.Index(name="session_link_session", fields=["session_id", "environment"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.thing_id} in session {self.session_id}"


class AppServerState(models.Model):
    """The newest state that an app server reported of a subject: `worker:<workerId>` or `maintenance`."""

    environment = models.CharField(max_length=64)
    subject = models.CharField(max_length=140)
    # The instance that reported it; empty for states from before this was kept.
    session_id = models.CharField(max_length=128, db_default="")
    state = models.CharField(max_length=16)
    backoff_ms = models.BigIntegerField(db_default=0)
    changed_at = models.DateTimeField()
    # Decides between two reports of the same moment.
    event_key = models.UUIDField(editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="app_server_state_unique", fields=["subject", "environment"]),
        ]
        indexes = [
            # Which of an instance's streams ended with its worker.
            models.Index(name="app_server_state_session", fields=["session_id", "environment"]),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.state}"


class AppServerStream(models.Model):
    """A stream of an app server: one (environment, streamId). It is kept for as long as it can be open."""

    environment = models.CharField(max_length=64)
    stream_id = models.CharField(max_length=128)
    session_id = models.CharField(max_length=128, help_text="The instance that reported it")
    opened_at = models.DateTimeField(null=True, help_text="Its earliest stream_opened")
    closed_at = models.DateTimeField(null=True, help_text="Its earliest stream_closed")
    seen_at = models.DateTimeField(help_text="Its latest event")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="app_server_stream_unique", fields=["stream_id", "environment"]),
        ]
        indexes = [
            # Open streams.
            models.Index(
                name="app_server_stream_open",
                fields=["opened_at", "environment"],
                condition=Q(closed_at__isnull=True),
            ),
            # The fold deletes those that are over.
            models.Index(name="app_server_stream_seen", fields=["seen_at", "environment"]),
        ]

    def __str__(self) -> str:
        return f"stream {self.stream_id}"


class EventCount(models.Model):
    """Accepted events of one name in a base bucket; `variant` is the event's `source` property, if any."""

    environment = models.CharField(max_length=64)
    bucket_start = models.DateTimeField()
    event = models.CharField(max_length=64)
    variant = models.CharField(max_length=32)
    events = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="event_count_unique", fields=["bucket_start", "event", "variant", "environment"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.bucket_start:%Y-%m-%d %H:%M}: {self.events}"


class TouchedBucket(models.Model):
    """A base bucket whose things changed. Rows are only added, so that two folds never wait for each other.

    A row commits with the change that it stands for. The rollup deletes the rows that it read, and computes the
    buckets.
    """

    environment = models.CharField(max_length=64)
    bucket_start = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(name="touched_bucket_environment", fields=["bucket_start", "environment"]),
        ]

    def __str__(self) -> str:
        return f"{self.environment} {self.bucket_start:%Y-%m-%d %H:%M}"
