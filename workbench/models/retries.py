"""What people asked to be run again."""

import uuid

from django.db import models
from django.db.models import Q


class RetryState(models.TextChoices):
    PENDING = "pending", "Pending"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"


class RetryRequest(models.Model):
    """Somebody asked for a workflow run to be run again. It commits before anything is sent."""

    environment = models.CharField(max_length=64)
    run_id = models.CharField(max_length=128)
    # The same for all attempts: the receiver knows by it what it has seen (Standard Webhooks: webhook-id).
    message_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=RetryState, default=RetryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, help_text="Empty when it is over")
    ended_at = models.DateTimeField(null=True)
    answer_status = models.PositiveSmallIntegerField(null=True, help_text="Of the last attempt")
    # A keyed hash of the webhook's settings at the last answer: a 410 switches these off, and no others.
    webhook = models.CharField(max_length=32, blank=True, db_default="", editable=False)
    new_run_id = models.CharField(max_length=128, blank=True, help_text="As the receiver answered it")
    fault = models.CharField(max_length=200, blank=True, help_text="Why the last attempt was in vain")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="retry_request_pending",
                fields=["run_id", "environment"],
                condition=Q(state="pending"),
            ),
        ]
        indexes = [
            models.Index(name="retry_request_run", fields=["run_id", "environment"]),
            models.Index(name="retry_request_due", fields=["next_attempt_at"], condition=Q(state="pending")),
            # An erasure looks for the runs that receivers named.
            models.Index(
                name="retry_request_new_run",
                fields=["new_run_id", "environment"],
                condition=~Q(new_run_id=""),
            ),
            # Whether the webhook is switched off.
            models.Index(name="retry_request_gone", fields=["webhook"], condition=Q(answer_status=410)),
        ]
        permissions = [("retry_run", "Can ask for a run to be run again")]

    def __str__(self) -> str:
        # Without the run's id: the audit keeps this text after the run was erased.
        return f"retry request {self.pk}"
