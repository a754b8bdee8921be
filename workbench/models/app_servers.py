"""What app servers reported of themselves."""

from django.db import models
from django.db.models import Q


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
