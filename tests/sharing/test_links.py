from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from audit.models import AuditEntry
from people.access import set_limit
from people.models import Role
from people.roles import give_role
from sharing.links import (
    MOST_OPEN_LINKS,
    SIGNER,
    CannotShare,
    LinkUnusable,
    Place,
    find_link,
    forget_ended,
    links_of,
    note_use,
    revoke_link,
)
from sharing.models import LinkState, SharedLink, SharedPage, ShareKind
from telemetry.models import Environment
from tests.people.builders import make_person
from tests.rows import environment
from tests.sharing.builders import MONTH, make_analyst, make_kpi_link, make_link, make_place

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _production() -> None:
    environment()


def opens(token: str, *, kind: ShareKind = ShareKind.PAGE, now: datetime = NOW) -> bool:
    try:
        return find_link(token, kind=kind, now=now) is not None
    except LinkUnusable:
        return False


def test_a_token_is_not_stored() -> None:
    link, token = make_link(now=NOW)

    assert find_link(token, kind=ShareKind.PAGE, now=NOW) == link
    assert token not in str(SharedLink.objects.values().get())


def test_a_link_keeps_the_state_of_the_page() -> None:
    link, _ = make_kpi_link("approval-rate", now=NOW, breakdown="source", compare="1", environment="other")

    assert link.query == "breakdown=source&compare=1"
    assert link.parts == {"breakdown": "source", "compare": "1", "environment": "production"}


@pytest.mark.parametrize(("later", "is_open"), [(timedelta(0), True), (MONTH - SECOND, True), (MONTH, False)])
def test_a_link_ends(later: timedelta, is_open: bool) -> None:
    link, token = make_link(now=NOW)

    assert opens(token, now=NOW + later) is is_open
    assert (link.state_at(NOW + later) is LinkState.OPEN) is is_open


@pytest.mark.parametrize("token", ["x", "", SIGNER.sign("x"), SIGNER.sign("x") + "y", "\0", "a" * 5000])
def test_a_token_that_was_made_up_opens_nothing(token: str) -> None:
    make_link(now=NOW)

    assert not opens(token)


def test_a_link_of_one_kind_does_not_open_the_other() -> None:
    _, page = make_kpi_link("approval-rate", now=NOW)
    _, chart = make_kpi_link("approval-rate", kind=ShareKind.CHART, now=NOW)

    assert not opens(page, kind=ShareKind.CHART)
    assert not opens(chart, kind=ShareKind.PAGE)
    assert opens(chart, kind=ShareKind.CHART)


def audited_changes() -> list[dict[str, object]]:
    """What the audit says of links."""
    entries = AuditEntry.objects.filter(content_type__model="sharedlink")
    return [dict(changes or {}) for changes in entries.values_list("changes", flat=True)]


def disable(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)


LOSSES: dict[str, Callable[[User], object]] = {
    "the account is disabled": disable,
    "the account is gone": lambda person: person.delete(),
    "the role is taken": lambda person: give_role(user=person, role=Role.VIEWER),
    "the environment is closed to them": lambda person: set_limit(user=person, environments=["staging"]),
    "the environment is gone": lambda person: Environment.objects.all().delete(),
}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_a_link_shows_no_more_than_its_maker_may_see_now(lose: Callable[[User], object]) -> None:
    _, token = make_link(now=NOW)
    assert opens(token)

    lose(make_analyst())

    assert not opens(token)


def test_a_link_is_revoked_once_and_the_audit_says_so() -> None:
    link, token = make_link(now=NOW)

    assert [revoke_link(link, now=NOW), revoke_link(link, now=NOW + DAY)] == [True, False]
    assert not opens(token)
    assert SharedLink.objects.get().revoked_at == NOW
    assert len([changes for changes in audited_changes() if list(changes) == ["revoked_at"]]) == 1


def test_making_a_link_is_audited_without_its_hash() -> None:
    link, _ = make_link(now=NOW)

    (changes,) = audited_changes()

    assert "production" in str(changes)
    assert link.digest not in str(changes)


@pytest.mark.parametrize(("later", "noted"), [(299, 0), (300, 300)])
def test_a_use_is_written_once_in_five_minutes_and_not_audited(later: int, noted: int) -> None:
    _, token = make_link(now=NOW)
    entries = AuditEntry.objects.count()

    for moment in (NOW, NOW + later * SECOND):
        note_use(find_link(token, kind=ShareKind.PAGE, now=moment), now=moment)

    assert SharedLink.objects.get().last_used_at == NOW + noted * SECOND
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize("lasts", [timedelta(0), timedelta(days=365, seconds=1)])
def test_a_link_has_an_end_within_a_year(lasts: timedelta) -> None:
    with pytest.raises(CannotShare, match="within 365 days"):
        make_link(lasts=lasts, now=NOW)


@pytest.mark.parametrize("lasts", [SECOND, timedelta(days=365)])
def test_a_link_may_be_short_or_last_a_year(lasts: timedelta) -> None:
    make_link(lasts=lasts, now=NOW)

    assert SharedLink.objects.get().expires_at == NOW + lasts


@pytest.mark.parametrize(
    ("place", "kind", "reason"),
    [
        (make_place(environment="unknown"), ShareKind.PAGE, "environment"),
        (make_place(), ShareKind.CHART, "chart"),
        (make_place(state={"from": "x" * 1000}), ShareKind.PAGE, "too long"),
    ],
)
def test_refuses_what_cannot_be_shared(place: Place, kind: ShareKind, reason: str) -> None:
    with pytest.raises(CannotShare, match=reason):
        make_link(place, kind=kind, now=NOW)


def test_viewers_may_not_share() -> None:
    with pytest.raises(CannotShare):
        make_link(by=make_person("eve", role=Role.VIEWER), now=NOW)


def test_a_person_has_a_hundred_open_links_at_most() -> None:
    rows = [
        SharedLink(
            kind=ShareKind.PAGE,
            page=SharedPage.COSTS,
            environment="production",
            digest=f"{number}",
            created_by=make_analyst(),
            expires_at=NOW + DAY,
        )
        for number in range(MOST_OPEN_LINKS)
    ]
    SharedLink.objects.bulk_create(rows[:-1])
    make_link(now=NOW)

    with pytest.raises(CannotShare, match="Revoke one"):
        make_link(now=NOW)


def test_lists_a_persons_links_until_a_month_after_their_end() -> None:
    open_link, _ = make_link(now=NOW)
    ended, _ = make_link(lasts=DAY, now=NOW - 30 * DAY)
    make_link(lasts=DAY, now=NOW - 31 * DAY)
    revoked, _ = make_link(now=NOW)
    revoke_link(revoked, now=NOW)
    make_link(by=make_analyst("ben"), now=NOW)

    assert links_of(make_analyst(), now=NOW) == [revoked, ended, open_link]


def test_a_link_is_deleted_90_days_after_its_end_and_the_audit_keeps_it() -> None:
    kept = [make_link(lasts=DAY, now=NOW - 91 * DAY)[0], make_link(now=NOW)[0]]
    ended, _ = make_link(lasts=DAY, now=NOW - 91 * DAY - SECOND)
    revoked, _ = make_link(now=NOW)
    kept.append(make_link(now=NOW)[0])
    revoke_link(revoked, now=NOW - 90 * DAY - SECOND)
    revoke_link(kept[-1], now=NOW - 90 * DAY)

    assert [forget_ended(now=NOW), forget_ended(now=NOW)] == [2, 0]

    assert set(SharedLink.objects.values_list("pk", flat=True)) == {link.pk for link in kept}
    gone = AuditEntry.objects.filter(action=AuditEntry.Action.DELETE)
    assert set(gone.values_list("object_pk", flat=True)) == {str(ended.pk), str(revoked.pk)}
    assert ended.digest not in str(gone.values_list("changes", flat=True))
