"""When every machine refuses posts."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import F, Q


class WindowState(StrEnum):
    PLANNED = "planned"
    ON = "on"
    OVER = "over"


class MaintenanceWindowQuerySet(models.QuerySet["MaintenanceWindow"]):
    def not_over_at(self, moment: datetime) -> Self:
        """The windows that are on or planned then."""
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=moment), ended_at=None)

    def on_at(self, moment: datetime) -> Self:
        return self.not_over_at(moment).filter(starts_at__lte=moment)

    def on_between(self, start: datetime, end: datetime) -> Self:
        """The windows that were on at some time from `start` to `end`, both included, or are."""
        not_over = Q(ends_at=None) | Q(ends_at__gt=start)
        not_ended = Q(ended_at=None) | Q(ended_at__gt=start)
        # One that was called off before it began was never on.
        begun = self.filter(starts_at__lte=end).exclude(ended_at__lte=F("starts_at"))
        return begun.filter(not_over, not_ended)

    def end(self, *, by: User | None, now: datetime) -> int:
        """End the windows one by one, because the audit sees saved rows only. Call it in a transaction."""
        windows = list(self.select_for_update(no_key=True, of=("self",)))
        for window in windows:
            window.ended_at, window.ended_by = now, by
            window.save(update_fields=["ended_at", "ended_by"])
        return len(windows)


class MaintenanceWindow(models.Model):
    """A time in which every machine refuses posts: from `starts_at` to `ends_at`, which it no longer belongs to.

    Somebody may end it earlier (`ended_at`).
    """

    message = models.CharField(max_length=200, blank=True)
    starts_at = models.DateTimeField()
    # NULL: until somebody ends it.
    ends_at = models.DateTimeField(null=True, blank=True)
    # NULL: nobody ended it. It may be over all the same.
    ended_at = models.DateTimeField(null=True, editable=False)
    # NULL: a command did it, or the account is gone.
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    objects = MaintenanceWindowQuerySet.as_manager()

    class Meta:
        # Windows are never changed or deleted: a person switches maintenance on and off.
        default_permissions = ("view",)
        permissions = [("switch_maintenance", "Can switch maintenance on and off")]
        constraints = [
            models.CheckConstraint(
                name="maintenance_window_ends_after_start",
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"maintenance from {self.starts_at:%Y-%m-%d %H:%M:%S}"

    def state_at(self, moment: datetime) -> WindowState:
        if self.ended_at is not None or (self.ends_at is not None and self.ends_at <= moment):
            return WindowState.OVER
        return WindowState.ON if self.starts_at <= moment else WindowState.PLANNED
