"""Links that show a page, or one chart, to whoever has them."""

from datetime import datetime
from enum import StrEnum
from urllib.parse import parse_qsl

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

# A page's state is a few words: two moments with their zone, a breakdown, an order.
MOST_QUERY_CHARACTERS = 1000


class ShareKind(models.TextChoices):
    PAGE = "page", "The page, read-only"
    CHART = "chart", "Its chart alone, for a frame in a wiki"


class SharedPage(models.TextChoices):
    """The pages that may be shared: those that show sums only. The values are names of their routes."""

    OVERVIEW = "overview", "Overview"
    KPI = "kpi", "KPI"
    FUNNEL = "funnel", "Funnel"
    AGENTS = "agents", "Agents"
    COSTS = "costs", "Costs"


class LinkState(StrEnum):
    OPEN = "open"
    REVOKED = "revoked"
    ENDED = "ended"


class SharedLink(models.Model):
    """Lets whoever has it see one page of one environment. Only the link's hash is kept."""

    kind = models.CharField(max_length=8, choices=ShareKind)
    page = models.CharField(max_length=16, choices=SharedPage)
    # The KPI's slug; empty: the page is no KPI's.
    kpi = models.CharField(max_length=64, blank=True)
    environment = models.CharField(max_length=64)
    # The page's state as its URL has it, without the environment.
    query = models.CharField(max_length=MOST_QUERY_CHARACTERS, blank=True)
    note = models.CharField("for whom", max_length=200, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())
    # NULL: the account is gone, and with it the link.
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    # Written once in a few minutes at most.
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("change", "view")
        constraints = [
            models.CheckConstraint(name="shared_link_kind_known", condition=Q(kind__in=ShareKind.values)),
            models.CheckConstraint(name="shared_link_page_known", condition=Q(page__in=SharedPage.values)),
            models.CheckConstraint(
                name="shared_link_names_its_kpi",
                condition=Q(page=SharedPage.KPI) ^ Q(kpi=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_page_display()} {self.kpi}".strip() + f" of {self.environment}"

    def state_at(self, moment: datetime) -> LinkState:
        if self.revoked_at is not None:
            return LinkState.REVOKED
        return LinkState.OPEN if moment < self.expires_at else LinkState.ENDED

    @property
    def parts(self) -> dict[str, str]:
        """The page's state with its environment, by the names of the URL."""
        return {**dict(parse_qsl(self.query)), "environment": self.environment}
