"""What was asked for, and what was decided."""

from django.db import models
from django.db.models import Q


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
    # The decision that answers it; recomputed for the whole session (see fold/pairs/pairing.py).
    decided_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(name="approval_request_session", fields=["session_id", "environment"]),
            # Of a run, on its page.
            models.Index(name="approval_request_run", fields=["run_id", "environment"]),
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
    # Recomputed for the whole session (see fold/pairs/pairing.py).
    requested_at = models.DateTimeField(null=True, help_text="The request it answers; empty: none is known")
    is_repeat = models.BooleanField(db_default=False, help_text="An earlier decision has the same approvalId")
    is_observed = models.BooleanField(db_default=False)

    class Meta:
        indexes = [
            models.Index(name="approval_decided", fields=["decided_at", "environment"]),
            models.Index(name="approval_decision_session", fields=["session_id", "environment"]),
            models.Index(name="approval_decision_run", fields=["run_id", "environment"]),
            models.Index(
                name="approval_decision_id",
                fields=["approval_id", "environment"],
                condition=~Q(approval_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"approval decided in session {self.session_id}"
