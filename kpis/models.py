"""KPI numbers, targets and baselines: all that pages, API and scrape read."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from workbench.models import ChangeCause, FunnelStep

# The dimension of what could not be measured; its values are the reasons.
EXCLUDED = "excluded"


class StoredGranularity(models.TextChoices):
    BASE = "base", "15 minutes (UTC)"
    DAY = "day", "Day (reporting zone)"


class KpiBucket(models.Model):
    """A KPI's sums in one period; ratios and percentiles are computed when they are read.

    | kind     | numerator          | denominator     | histogram                                    |
    | ratio    | a count            | a count         | {}                                           |
    | duration | microseconds       | durations       | {bin: durations}, see kpis/histogram.py      |
    | sum      | micro-dollars      | things summed   | {}                                           |

    `dimension` and `value` are empty in the row of the whole KPI. In rows of the dimension `excluded`, the value
    is a reason, and the denominator counts what could not be measured for it. A day is the sum of its base
    buckets.
    """

    kpi = models.CharField(max_length=64)
    persona = models.CharField(max_length=32)
    environment = models.CharField(max_length=64)
    granularity = models.CharField(max_length=8, choices=StoredGranularity)
    period_start = models.DateTimeField()
    dimension = models.CharField(max_length=32, default="")
    value = models.CharField(max_length=200, default="")
    numerator = models.BigIntegerField()
    denominator = models.BigIntegerField()
    histogram = models.JSONField(default=dict)
    definition_version = models.PositiveIntegerField()

    class Meta:
        verbose_name = "KPI bucket"
        constraints = [
            # Readers name an environment, a KPI and a granularity and dimension, then a range of periods.
            models.UniqueConstraint(
                name="kpi_bucket_unique",
                fields=["environment", "kpi", "granularity", "dimension", "period_start", "value"],
            ),
        ]
        indexes = [
            # The rollup replaces all KPIs of a bucket.
            models.Index(name="kpi_bucket_period", fields=["environment", "granularity", "period_start"]),
        ]

    def __str__(self) -> str:
        return f"{self.kpi} {self.period_start:%Y-%m-%d %H:%M}: {self.numerator}/{self.denominator}"


class UsageBucket(models.Model):
    """What agents did and used in one period, for one workflow, one agent and one model.

    Its rows add up: each agent run, each model call and each estimate is in one row of a period. `agent` and `model`
    are empty where there is none: for a call that no agent run is known to have made, and for the estimate of a run
    without a reported cost. A day is the sum of its base buckets.
    """

    environment = models.CharField(max_length=64)
    granularity = models.CharField(max_length=8, choices=StoredGranularity)
    period_start = models.DateTimeField()
    workflow = models.CharField(max_length=200)
    agent = models.CharField(max_length=200, default="")
    model = models.CharField(max_length=200, default="")
    agent_runs = models.BigIntegerField(default=0, help_text="Those that ended, cancelled ones included")
    retries = models.BigIntegerField(default=0, help_text="Those of them that were no first attempt")
    calls = models.BigIntegerField(default=0, help_text="Model calls")
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cost_micro_usd = models.BigIntegerField(default=0, help_text="Reported")
    estimated_micro_usd = models.BigIntegerField(default=0, help_text="Of runs without a reported cost")
    # Numbers of agent runs: by the bin of their duration (kpis/histogram.py), and by the error of those that failed.
    histogram = models.JSONField(default=dict)
    error_types = models.JSONField(default=dict)

    class Meta:
        constraints = [
            # Readers and the rollup name an environment and a granularity, then periods.
            models.UniqueConstraint(
                name="usage_bucket_unique",
                fields=["environment", "granularity", "period_start", "workflow", "agent", "model"],
            ),
        ]

    def __str__(self) -> str:
        place = f"{self.workflow}, {self.agent or 'no agent'}, {self.model or 'no model'}"
        return f"{place} {self.period_start:%Y-%m-%d %H:%M}"


class FunnelBucket(models.Model):
    """Sessions that started in one period and took a step of the funnel, after all steps before it.

    `microseconds` and `histogram` are of the times from the step before to this one; the first step has none. Each
    session is in one row of a step and period, whatever its sources and templates, so all rows add up. A day is the sum
    of its base buckets.
    """

    environment = models.CharField(max_length=64)
    granularity = models.CharField(max_length=8, choices=StoredGranularity)
    period_start = models.DateTimeField()
    step = models.PositiveSmallIntegerField(choices=FunnelStep)
    sources = models.CharField(
        max_length=500,
        default="",
        help_text="Sources of the sessions' drafts, sorted, as a JSON list; empty: none",
    )
    used_template = models.BooleanField(default=False)
    sessions = models.BigIntegerField()
    microseconds = models.BigIntegerField(default=0)
    # Numbers of sessions by the bin of their time, see kpis/histogram.py.
    histogram = models.JSONField(default=dict)

    class Meta:
        constraints = [
            # Readers and the rollup name an environment and a granularity, then periods.
            models.UniqueConstraint(
                name="funnel_bucket_unique",
                fields=["environment", "granularity", "period_start", "step", "sources", "used_template"],
            ),
        ]

    def __str__(self) -> str:
        return f"{FunnelStep(self.step).label} {self.period_start:%Y-%m-%d %H:%M}: {self.sessions}"


class UsersBucket(models.Model):
    """Who started a session in one period, as a sketch from which only their number can be read (kpis/distinct.py).

    A day is the merger of its base buckets. A period in which no session named its user has no row.
    """

    environment = models.CharField(max_length=64)
    granularity = models.CharField(max_length=8, choices=StoredGranularity)
    period_start = models.DateTimeField()
    sketch = models.BinaryField()

    class Meta:
        constraints = [
            # Readers and the rollup name an environment and a granularity, then periods.
            models.UniqueConstraint(
                name="users_bucket_unique", fields=["environment", "granularity", "period_start"]
            ),
        ]

    def __str__(self) -> str:
        return f"users {self.period_start:%Y-%m-%d %H:%M}"


class Freshness(models.Model):
    """How far an environment's KPIs are computed; its row is the lock of the environment's rollup."""

    environment = models.CharField(max_length=64, primary_key=True)
    computed_until = models.DateTimeField(null=True)
    # The zone whose days the day rows are; if REPORTING_TIME_ZONE changes, the days have to be rebuilt.
    time_zone = models.CharField(max_length=64)
    # A release that kept no usage writes no other value.
    has_usage = models.BooleanField(
        db_default=False, help_text="The buckets from before usage was kept are computed or marked"
    )
    has_funnel = models.BooleanField(
        db_default=False, help_text="The buckets from before the funnel was kept are computed or marked"
    )
    has_users = models.BooleanField(
        db_default=False, help_text="The buckets from before users were kept are computed or marked"
    )

    class Meta:
        verbose_name_plural = "freshness"

    def __str__(self) -> str:
        return f"{self.environment} until {self.computed_until}"


class LaterChange(models.Model):
    """What became of a KPI's day after it was over and shown: before and after, by cause.

    Numerator and denominator are those of the day's KpiBucket, the values are in the KPI's unit. The rows of a day are
    a chain: each begins where the one before ended. What one cause changes within a UTC day, without another cause in
    between, is one row.
    """

    environment = models.CharField(max_length=64)
    kpi = models.CharField(max_length=64)
    date = models.DateField(help_text="The day that changed, in the reporting zone")
    cause = models.CharField(max_length=16, choices=ChangeCause)
    first_changed_at = models.DateTimeField()
    last_changed_at = models.DateTimeField()
    numerator_before = models.BigIntegerField()
    denominator_before = models.BigIntegerField()
    value_before = models.FloatField(null=True)
    numerator_after = models.BigIntegerField()
    denominator_after = models.BigIntegerField()
    value_after = models.FloatField(null=True)

    class Meta:
        constraints = [
            # Readers name an environment and a KPI, then a range of days.
            models.UniqueConstraint(
                name="later_change_unique", fields=["environment", "kpi", "date", "first_changed_at"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kpi} {self.date}: {self.get_cause_display()} at {self.first_changed_at:%Y-%m-%d %H:%M}"


class Target(models.Model):
    """A KPI's target from a day on. The newest one in force applies to a period, in place of the registry's.

    `value` is in the KPI's unit (a ratio, seconds, dollars); for a KPI that is judged against its baseline it
    is the factor (0.5: half the baseline).
    """

    kpi = models.CharField(max_length=64)
    environment = models.CharField(
        max_length=64, blank=True, default="", help_text="Empty: every environment"
    )
    value = models.DecimalField(max_digits=16, decimal_places=6)
    effective_from = models.DateField(help_text="First day, in the reporting zone, that it judges")
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False)
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(name="target_unique", fields=["kpi", "environment", "effective_from"]),
        ]

    def __str__(self) -> str:
        return f"{self.kpi} {self.value} from {self.effective_from}"


class Baseline(models.Model):
    """A KPI's value before the workbench, in force from a day on, and how it was measured."""

    kpi = models.CharField(max_length=64)
    environment = models.CharField(
        max_length=64, blank=True, default="", help_text="Empty: every environment"
    )
    value = models.DecimalField(max_digits=16, decimal_places=6, help_text="In the KPI's unit")
    effective_from = models.DateField(help_text="First day, in the reporting zone, that it is compared with")
    method = models.TextField(help_text="How it was measured")
    sample_size = models.PositiveIntegerField()
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(name="baseline_unique", fields=["kpi", "environment", "effective_from"]),
        ]

    def __str__(self) -> str:
        return f"{self.kpi} {self.value} from {self.effective_from}"


class Annotation(models.Model):
    """What happened at a moment and may explain a KPI: a release, an outage, a campaign. Charts mark it.

    A person added it, or a program with a key: then `source` is the key's and `added_by` is empty.
    """

    environment = models.CharField(max_length=64)
    kpi = models.CharField(max_length=64, blank=True, default="", help_text="Empty: every KPI")
    at = models.DateTimeField()
    text = models.CharField(max_length=200)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )
    source = models.CharField(max_length=64, default="", editable=False)
    # What the program calls it, so that a post that is sent again adds nothing; empty: it calls it nothing.
    client_id = models.CharField(max_length=100, default="", editable=False)
    created_at = models.DateTimeField(db_default=Now())
    edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="annotation_of_client_unique",
                fields=["environment", "source", "client_id"],
                condition=~models.Q(client_id=""),
            ),
        ]
        indexes = [
            # For the pages and the API: an environment's annotations of a range.
            models.Index(name="annotation_of_range", fields=["environment", "at"]),
        ]

    def __str__(self) -> str:
        return f"{self.text} ({self.environment}, {self.at:%Y-%m-%d})"


class EnteredCount(models.Model):
    """Workflows made outside the workbench that no event reports, entered by hand for one day."""

    environment = models.CharField(max_length=64)
    date = models.DateField(help_text="The day, in the reporting zone; they count at its start")
    source = models.CharField(max_length=32, help_text="Where they were made")
    workflows = models.PositiveIntegerField()
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(name="entered_count_unique", fields=["environment", "date", "source"]),
            models.CheckConstraint(name="entered_count_source_given", condition=~Q(source="")),
        ]

    def __str__(self) -> str:
        return f"{self.workflows} from {self.source} on {self.date}"
