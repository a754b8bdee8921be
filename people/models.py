"""What the portal knows of people beyond Django's accounts: rights, limits to environments, invitations."""

from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Role(models.TextChoices):
    """From the one that may do least to the one that may do most. Each may do what those before it may."""

    VIEWER = "viewer", "Viewer: sees the pages"
    ANALYST = "analyst", "Analyst: also annotates, exports, subscribes, shares and explores"
    OPERATOR = "operator", "Operator: also sees and retries runs, and switches maintenance"
    ADMIN = "admin", "Admin: also works in the admin"


class Right(models.TextChoices):
    """Rights that belong to no table. Django knows them as permissions of the app `people`."""

    VIEW_PAGES = "view_pages", "Can see the pages"
    ANNOTATE = "annotate", "Can annotate"
    EXPORT = "export", "Can export figures"
    SUBSCRIBE = "subscribe", "Can subscribe to reports"
    SHARE_PAGES = "share_pages", "Can share pages with people without an account"
    EXPLORE = "explore", "Can explore events"
    VIEW_RUNS = "view_runs", "Can see runs"

    @property
    def permission(self) -> str:
        """As `has_perm` takes it."""
        return f"people.{self.value}"


class PortalRight(models.Model):
    """Has no table: Django keeps permissions by model, and these belong to none."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = tuple(Right.choices)

    def __str__(self) -> str:
        return "right"


class EnvironmentLimit(models.Model):
    """A person who has this row may see these environments only. Without the row they may see all."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="environment_limit"
    )
    # Names. An empty list: none.
    environments = models.JSONField(default=list)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user}: {', '.join(self.environments) or 'no environment'}"


class OverviewArrangement(models.Model):
    """How a person arranged their overview. Without the row nothing is pinned, and sections are in their own order."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="overview_arrangement"
    )
    # Slugs of KPIs, and names of sections, in the person's order.
    pinned = models.JSONField(default=list)
    sections = models.JSONField(default=list)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user}: {', '.join(self.pinned) or 'nothing pinned'}"


class OverviewVisit(models.Model):
    """When a person last looked at the overview of an environment, and when their visit before this one ended."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    environment = models.CharField(max_length=64)
    last_looked_at = models.DateTimeField()
    previous_visit_at = models.DateTimeField(null=True, help_text="Empty: it is the first visit")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(name="overview_visit_unique", fields=["user", "environment"]),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.environment}, {self.last_looked_at:%Y-%m-%d %H:%M}"


class InvitationState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Invitation(models.Model):
    """Lets whoever has its link make one account with this mail address and role. Only the link's hash is kept."""

    email = models.EmailField()
    role = models.CharField(max_length=16, choices=Role)
    # Names; NULL: every environment.
    environments = models.JSONField(null=True, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        default_permissions = ("add", "change", "view")
        constraints = [
            models.CheckConstraint(name="invitation_role_known", condition=Q(role__in=Role.values)),
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role}"

    def state_at(self, moment: datetime) -> InvitationState:
        if self.accepted_at is not None:
            return InvitationState.ACCEPTED
        if self.revoked_at is not None:
            return InvitationState.REVOKED
        return InvitationState.OPEN if moment < self.expires_at else InvitationState.EXPIRED
