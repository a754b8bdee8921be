"""Sessions, and whom and what they named."""

from django.db import models


class FunnelStep(models.IntegerChoices):
    """The steps from opening the workbench to a run that ended, in order (docs/funnel.md)."""

    SESSION_STARTED = 1, "Session started"
    DRAFT_CREATED = 2, "Draft created"
    DRAFT_ACCEPTED = 3, "Draft accepted"
    RUN_STARTED = 4, "Run started"
    RUN_COMPLETED = 5, "Run completed"

    @property
    def column(self) -> str:
        """Where a session keeps the moment at which it took the step."""
        return STEP_COLUMNS[self.value - 1]


STEP_COLUMNS = (
    "started_at",
    "funnel_created_at",
    "funnel_accepted_at",
    "funnel_run_started_at",
    "funnel_run_completed_at",
)


class Session(models.Model):
    """A workbench session: one (environment, sessionId) that started, ended, took a step of the funnel or a template.

    It counts in the bucket of `started_at`.
    """

    environment = models.CharField(max_length=64)
    session_id = models.CharField(max_length=128)
    user_hash = models.CharField(max_length=128, db_default="")
    started_at = models.DateTimeField(null=True, help_text="Earliest session_started")
    ended_at = models.DateTimeField(null=True, help_text="Earliest session_ended")
    duration_ms = models.BigIntegerField(null=True, help_text="The shortest that was reported")
    # The earliest event of each step of the funnel, whenever the steps before were taken.
    draft_created_at = models.DateTimeField(null=True)
    draft_accepted_at = models.DateTimeField(null=True)
    run_started_at = models.DateTimeField(null=True)
    run_completed_at = models.DateTimeField(null=True)
    draft_sources = models.TextField(
        db_default="", help_text="Sources of the drafts created in it, sorted, as a JSON list; empty: none"
    )
    template_used_at = models.DateTimeField(
        null=True,
        help_text="Earliest event that put a template into a draft, or that names one as its source",
    )
    # How far it came in the funnel: each moment is the earliest event of its step at or after the step before.
    funnel_steps = models.PositiveSmallIntegerField(
        db_default=0,
        help_text="How many steps of the funnel it took, one after the other; 0: it has no start",
    )
    funnel_created_at = models.DateTimeField(null=True)
    funnel_accepted_at = models.DateTimeField(null=True)
    funnel_run_started_at = models.DateTimeField(null=True)
    funnel_run_completed_at = models.DateTimeField(null=True)
    # started_at before the last merge: it may have left that bucket.
    prior_started_at = models.DateTimeField(null=True, editable=False)
    # The number of the fold that counted its duration in the metric bridge; 0 while none has.
    observed_in = models.BigIntegerField(db_default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="session_unique", fields=["session_id", "environment"]),
        ]
        indexes = [
            models.Index(name="session_started", fields=["started_at", "environment"]),
            # The list of the sessions that stopped at a step, with what it is filtered by.
            models.Index(
                name="session_funnel",
                fields=["funnel_steps", "environment", "started_at", "id"],
                include=["draft_sources", "template_used_at"],
            ),
        ]

    def __str__(self) -> str:
        return f"session {self.session_id}"


class EarlyStep(models.Model):
    """An event of a step of the funnel that came before its session had taken the step before.

    A late event may give it its turn. Once the session took the step, only what is earlier than that is kept.
    """

    environment = models.CharField(max_length=64)
    session_id = models.CharField(max_length=128)
    step = models.PositiveSmallIntegerField(choices=FunnelStep)
    happened_at = models.DateTimeField()

    class Meta:
        constraints = [
            # The fold asks for the first moment of a session's step after another moment.
            models.UniqueConstraint(
                name="early_step_unique", fields=["session_id", "step", "happened_at", "environment"]
            ),
        ]

    def __str__(self) -> str:
        return f"{FunnelStep(self.step).label} in session {self.session_id}"


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
