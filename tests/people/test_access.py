import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client

from people.access import covers, environments_allowed, limit_of, may_see, set_limit
from people.models import Role
from tests.people.builders import make_person
from tests.rows import environment

pytestmark = pytest.mark.django_db

NAMES = ["production", "staging"]


@pytest.mark.parametrize(
    ("limit", "allowed"),
    [(None, NAMES), ([], []), (["staging"], ["staging"]), (["elsewhere"], []), (NAMES[::-1], NAMES)],
)
def test_a_limit_says_which_environments_a_person_sees(limit: list[str] | None, allowed: list[str]) -> None:
    person = make_person("ada", environments=limit)

    assert environments_allowed(person, NAMES) == allowed
    assert [name for name in NAMES if may_see(person, name)] == allowed


def test_superusers_have_no_limit_and_strangers_see_nothing() -> None:
    root = User.objects.create_superuser("root")
    set_limit(user=root, environments=[])

    assert environments_allowed(root, NAMES) == NAMES
    assert environments_allowed(AnonymousUser(), NAMES) == []


def test_a_limit_is_changed_and_lifted() -> None:
    person = make_person("ada", environments=["staging"])

    set_limit(user=person, environments=["production", "production"])
    assert limit_of(User.objects.get()) == {"production"}

    set_limit(user=person, environments=None)
    assert limit_of(person) is None


@pytest.mark.parametrize(
    ("limit", "other", "covered"),
    [
        (None, None, True),
        (None, ["a"], True),
        ({"a"}, ["a"], True),
        ({"a"}, None, False),
        ({"a"}, ["b"], False),
    ],
)
def test_a_limit_covers_what_is_within_it(
    limit: set[str] | None, other: list[str] | None, covered: bool
) -> None:
    assert covers(None if limit is None else frozenset(limit), other) is covered


def test_people_without_a_role_are_told_so(client: Client) -> None:
    client.force_login(make_person("ada"))

    pages = [client.get(path) for path in ("/", "/kpis/approval-rate/")]

    assert [page.status_code for page in pages] == [403, 403]
    assert "has no role yet" in pages[0].content.decode()
    assert client.get("/api/kpis/").status_code == 403
    assert client.get("/api/plan/").status_code == 403


def test_viewers_see_figures_and_export_none(client: Client) -> None:
    environment("production")
    client.force_login(make_person("ada", role=Role.VIEWER))
    series = "/api/kpis/approval-rate/"

    assert "Download CSV" not in client.get("/kpis/approval-rate/").content.decode()
    assert client.get(series).status_code == 200
    assert client.get(series, {"format": "csv"}).json()["code"] == "permission_denied"


def test_analysts_export(client: Client) -> None:
    environment("production")
    client.force_login(make_person("ada", role=Role.ANALYST))

    assert "Download CSV" in client.get("/kpis/approval-rate/").content.decode()
    assert client.get("/api/kpis/approval-rate/", {"format": "csv"}).status_code == 200


def test_people_whose_environments_are_all_closed_are_told_so(client: Client) -> None:
    environment("production")
    client.force_login(make_person("ada", role=Role.VIEWER, environments=[]))

    assert "No environment is open to you" in client.get("/").content.decode()
    assert client.get("/api/kpis/").json()["code"] == "no_environment"
