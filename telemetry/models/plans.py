"""Which tracking plans the processes have loaded."""

from django.db import models


class PlanVersion(models.Model):
    """A tracking plan that some process has loaded. Plans that differ in the order of their parts only are one."""

    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the content")
    version = models.CharField(max_length=20, help_text="As the plan's file says it")
    content = models.TextField(help_text="The plan as JSON, in a fixed order")
    first_loaded_at = models.DateTimeField()
    last_loaded_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"version {self.version} ({self.digest[:12]})"


class PlanLoad(models.Model):
    """The plan that the processes of a kind on a machine loaded last: the one that they run."""

    machine = models.CharField(max_length=253)
    process = models.CharField(max_length=16)
    plan = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="loads")
    loaded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="plan_load_unique", fields=["machine", "process"]),
        ]

    def __str__(self) -> str:
        return f"{self.process} on {self.machine}"
