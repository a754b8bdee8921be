from collections.abc import Callable

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.test import Client
from django.utils.safestring import SafeString
from pytest_django import DjangoAssertNumQueries

from pages.polling import admissions as polling
from pages.polling.admissions import ADMITTED_SECONDS, CHECK_SECONDS, MOST_ADMITTED, Admissions, admissions
from pages.polling.fragments import Fragment, Question, fragments
from people.access import set_limit
from people.models import Role
from people.sessions import end_sessions
from telemetry.models import Environment
from tests.pages.polling.clock import Clock
from tests.people.builders import make_person

POLL = {"part": "live"}
QUESTION = Question(key="a", make=lambda: Fragment(html=SafeString("a"), is_active=False))


def make_admissions(*, clock: Clock, changes: list[int] | None = None) -> Admissions:
    return Admissions(read_changes=lambda: tuple(changes or ()), clock=clock)


def test_lets_in_for_a_minute() -> None:
    clock = Clock()
    found = make_admissions(clock=clock)
    found.note("session", QUESTION, changes=())

    assert found.find("another", changes=()) is None
    clock.seconds = ADMITTED_SECONDS - 0.1
    assert found.find("session", changes=()) is QUESTION
    clock.seconds = ADMITTED_SECONDS
    assert found.find("session", changes=()) is None


def test_a_change_since_the_rights_were_read_ends_it_for_good() -> None:
    found = make_admissions(clock=Clock())
    found.note("session", QUESTION, changes=(1,))

    assert found.find("session", changes=(2, 1)) is None
    assert found.find("session", changes=(1,)) is None


def test_looks_for_changes_once_a_second() -> None:
    clock, changes = Clock(), [1]
    found = make_admissions(clock=clock, changes=changes)

    seen = []
    for seconds in (0, CHECK_SECONDS - 0.1, CHECK_SECONDS):
        clock.seconds = seconds
        seen.append(found.changes())
        changes.append(2)

    assert seen == [(1,), (1,), (1, 2, 2)]


def test_remembers_no_more_sessions_than_it_may() -> None:
    found = make_admissions(clock=Clock())
    for number in range(MOST_ADMITTED + 1):
        found.note(number, QUESTION, changes=())

    assert found.find(0, changes=()) is None
    assert found.find(1, changes=()) is QUESTION


# Over HTTP -------------------------------------------------------------------------------------------------


@pytest.fixture
def viewer(db: None, monkeypatch: pytest.MonkeyPatch) -> User:
    """Somebody who may see runs. A change is seen at once."""
    fragments.forget()
    admissions.forget()
    monkeypatch.setattr(polling, "CHECK_SECONDS", 0.0)
    for name in ("production", "staging"):
        Environment.objects.create(name=name)
    return make_person("viewer", role=Role.OPERATOR)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    key = client.cookies["sessionid"].value
    UserSession.objects.create(user=user, ip="127.0.0.1", session_key=key, user_agent="x")
    return client


def test_who_was_let_in_is_not_asked_again_who_they_are(
    viewer: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = signed_in(viewer)
    first = client.get("/runs/", POLL)

    # What is new in the audit.
    with django_assert_num_queries(1):
        second = client.get("/runs/", POLL, headers={"if-none-match": first["ETag"]})

    assert (first.status_code, second.status_code) == (200, 304)


@pytest.mark.parametrize("query", [{"environment": "staging"}, {"range": "all"}])
def test_is_let_in_to_that_question_alone(viewer: User, query: dict[str, str]) -> None:
    client = signed_in(viewer)
    client.get("/runs/", POLL)
    set_limit(user=viewer, environments=["production"])
    client.get("/runs/", POLL)

    answers = {"environment": 404, "range": 200}
    assert client.get("/runs/", POLL | query).status_code == answers[next(iter(query))]


def test_another_session_is_not_let_in(viewer: User) -> None:
    signed_in(viewer).get("/runs/", POLL)

    assert Client().get("/runs/", POLL).status_code == 302


def shut_off(user: User) -> None:
    user.is_active = False
    user.save()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (shut_off, 302),
        (lambda user: user.groups.clear(), 403),
        (lambda user: set_limit(user=user, environments=["staging"]), 404),
        (lambda user: end_sessions(user=user), 302),
    ],
    ids=["shut off", "without role", "limited", "sessions ended"],
)
def test_who_loses_the_right_is_refused_at_the_next_look(
    viewer: User, change: Callable[[User], object], status: int
) -> None:
    client, query = signed_in(viewer), POLL | {"environment": "production"}
    assert [client.get("/runs/", query).status_code for _ in range(2)] == [200, 200]

    change(viewer)

    assert client.get("/runs/", query).status_code == status


def test_who_signs_out_is_refused_with_the_old_cookie(viewer: User) -> None:
    client = signed_in(viewer)
    client.get("/runs/", POLL)
    cookie = client.cookies["sessionid"].value

    client.post("/logout/")
    client.cookies["sessionid"] = cookie

    assert client.get("/runs/", POLL).status_code == 302
