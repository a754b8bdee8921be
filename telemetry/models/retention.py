"""How long things are kept, and what runs have removed."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class RetentionSubject(models.TextChoices):
    """What a policy can be about. telemetry/lifecycle/retention/ says which tables each has."""

    RAW_EVENTS = "raw_events", "Raw events"
    QUARANTINE = "quarantine", "Quarantine"
    ARRIVALS = "arrivals", "Arrivals"
    LEDGER = "ledger", "Ledger: hours, summed into days"
    THINGS = "things", "Sessions, drafts, runs, approvals"
    AUDIT = "audit", "Audit entries"
    ALERTS = "alerts", "Alerts"


class RetentionPolicy(models.Model):
    """How long a subject is kept. Without a policy it is kept for ever.

    The most specific policy wins: one with an event pattern, then one of an environment. Between equals the longer.
    """

    subject = models.CharField(max_length=16, choices=RetentionSubject)
    environment = models.CharField(
        max_length=64, blank=True, default="", help_text="Empty: every environment"
    )
    event_pattern = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="Raw events only: a name, or its beginning and a star, like workbench.chat*. Empty: every event",
    )
    keep_days = models.PositiveIntegerField(help_text="UTC days to keep, today not counted")
    note = models.TextField(blank=True)
    is_enabled = models.BooleanField("enabled", default=True)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "retention policies"
        constraints = [
            models.UniqueConstraint(
                name="retention_policy_unique", fields=["subject", "environment", "event_pattern"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_subject_display()} of {self.environment or 'every environment'}: {self.keep_days} days"


class RetentionHold(models.Model):
    """Nothing that it covers is pruned: an environment, or some of its days, both included."""

    environment = models.CharField(
        max_length=64, blank=True, default="", help_text="Empty: every environment"
    )
    first_day = models.DateField(null=True, blank=True, help_text="UTC. Empty: from the beginning")
    last_day = models.DateField(null=True, blank=True, help_text="UTC, included. Empty: without end")
    reason = models.TextField()
    until = models.DateField(
        null=True, blank=True, help_text="Last day of the hold. Empty: until it is deleted"
    )
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        days = f"{self.first_day or 'the beginning'} to {self.last_day or 'today'}"
        return f"hold on {self.environment or 'every environment'}, {days}"


class RunStatus(models.TextChoices):
    RUNNING = "running", "Running"
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"


class RetentionRun(models.Model):
    """One run of retention. Its row is the lock of its steps: each step commits with what it removed.

    A run that was killed stays `running`, and the next step of any process goes on after `position`.
    """

    requested_by = models.CharField(max_length=150)
    started_at = models.DateTimeField()
    stepped_at = models.DateTimeField(help_text="When its newest step ended")
    finished_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=16, choices=RunStatus, default=RunStatus.RUNNING)
    today = models.DateField(help_text="The UTC day that its policies count back from")
    # What `manage.py prune --environment --before` asked for, once, in place of the policies.
    environment = models.CharField(max_length=64, blank=True)
    before = models.DateField(null=True, help_text="Once, in place of the policies")
    subjects = models.JSONField(default=list, help_text="The subjects that are still to be done")
    position = models.CharField(max_length=64, blank=True, help_text="Where the first of these stands")
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    steps = models.PositiveIntegerField(default=0)
    resumed = models.PositiveIntegerField(default=0, help_text="Times that it went on after a break")
    fault = models.TextField(blank=True)

    class Meta:
        constraints = [
            # Two machines never have a run each.
            models.UniqueConstraint(
                name="retention_run_one_at_a_time", fields=["status"], condition=Q(status="running")
            ),
        ]

    def __str__(self) -> str:
        return f"run of {self.started_at:%Y-%m-%d %H:%M} ({self.status})"


class RetentionReport(models.Model):
    """What a run removed of one event on one UTC day; kept for ever.

    Accepted events are the raw ones, the pruned ones of these rows, and the erased ones.
    """

    run = models.ForeignKey(RetentionRun, on_delete=models.PROTECT, related_name="reports")
    subject = models.CharField(max_length=16, choices=RetentionSubject)
    environment = models.CharField(max_length=64)
    event = models.CharField(max_length=64, help_text="An event's name, or a table's")
    day = models.DateField()
    rows = models.BigIntegerField()
    bytes = models.BigIntegerField()
    seconds = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="retention_report_unique", fields=["run", "subject", "day", "environment", "event"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.environment} {self.event} {self.day}: {self.rows}"


class TableSize(models.Model):
    """How large a table was on a UTC day, with its indexes. A task measures it once a day."""

    day = models.DateField()
    table = models.CharField(max_length=64, help_text="Partitions count as their table")
    bytes = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(name="table_size_unique", fields=["day", "table"])]

    def __str__(self) -> str:
        return f"{self.table} {self.day}: {self.bytes}"
