"""Shared links for tests."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.contrib.auth.models import User

from people.models import Role
from sharing.links import Place, share
from sharing.models import SharedLink, SharedPage, ShareKind
from tests.people.builders import make_person

MONTH = timedelta(days=30)


def make_place(
    page: SharedPage = SharedPage.OVERVIEW,
    *,
    kpi: str = "",
    environment: str = "production",
    state: Mapping[str, str] | None = None,
) -> Place:
    return Place(page=page, kpi=kpi, environment=environment, state=state or {})


def make_analyst(name: str = "ada") -> User:
    return User.objects.filter(username=name).first() or make_person(name, role=Role.ANALYST)


def make_link(
    place: Place | None = None,
    *,
    kind: ShareKind = ShareKind.PAGE,
    by: User | None = None,
    lasts: timedelta = MONTH,
    now: datetime,
) -> tuple[SharedLink, str]:
    """(link, token). Its environment must be there."""
    return share(
        place or make_place(), kind=kind, note="", by=by or make_analyst(), expires_at=now + lasts, now=now
    )


def make_kpi_link(
    kpi: str, *, kind: ShareKind = ShareKind.PAGE, now: datetime, **state: str
) -> tuple[SharedLink, str]:
    return make_link(make_place(SharedPage.KPI, kpi=kpi, state=state), kind=kind, now=now)
