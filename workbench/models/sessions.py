"""Sessions, and whom and what they named."""

from django.db import models


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
