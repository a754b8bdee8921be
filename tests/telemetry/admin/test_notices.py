"""The admin of routes of notices: whole quiet hours, and environments that the person may see."""

import pytest
from django.test import Client

from people.models import Role
from telemetry.models import NoticeRoute
from tests.people.builders import make_person
from tests.rows import BUILDERS, environment

pytestmark = pytest.mark.django_db

ADD = "/admin/telemetry/noticeroute/add/"
FORM = {"channel": "mail", "environment": "", "severity": "ticket", "is_told": "on"}


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(make_person("admin", role=Role.ADMIN))
    return client


def test_a_route_with_quiet_hours_is_entered(admin: Client) -> None:
    answer = admin.post(ADD, FORM | {"quiet_from": "22:00:00", "quiet_until": "07:00:00"})

    assert answer.status_code == 302
    assert str(NoticeRoute.objects.get()) == "mail of every environment, ticket"


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ({"quiet_from": "22:00:00"}, "have a beginning and an end"),
        ({"quiet_until": "22:00:00"}, "have a beginning and an end"),
        ({"quiet_from": "22:00:00", "quiet_until": "22:00:00"}, "To keep quiet all day"),
    ],
)
def test_quiet_hours_are_whole(admin: Client, hours: dict[str, str], message: str) -> None:
    page = admin.post(ADD, FORM | hours).content.decode()

    assert message in page
    assert not NoticeRoute.objects.exists()


def test_two_routes_of_the_same_are_refused(admin: Client) -> None:
    admin.post(ADD, FORM)

    assert admin.post(ADD, FORM).status_code == 200
    assert NoticeRoute.objects.count() == 1


def test_people_with_a_limit_see_and_enter_routes_of_their_environments(client: Client) -> None:
    for name in ("open-place", "closed-place"):
        environment(name)
    client.force_login(make_person("ada", role=Role.ADMIN, environments=["open-place"]))

    statuses = [
        client.post(ADD, FORM | {"environment": name}).status_code
        for name in ("", "closed-place", "open-place")
    ]

    assert statuses == [200, 200, 302]


def test_notices_are_shown_by_their_environment(client: Client) -> None:
    client.force_login(make_person("ada", role=Role.ADMIN, environments=["open-place"]))
    for number, name in enumerate(["", "closed-place", "open-place"]):
        notice = BUILDERS[next(model for model in BUILDERS if model.__name__ == "Notice")](number)
        type(notice)._default_manager.filter(pk=notice.pk).update(
            environment=name, title=f"Of {name or 'none'}"
        )

    page = client.get("/admin/telemetry/notice/").content.decode()

    assert "Of open-place" in page
    assert "Of closed-place" not in page
    assert "Of none" not in page
