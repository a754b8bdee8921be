from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.builders import minutes
from workbench.models import FunnelStep, Session
from workbench.stopped_sessions import (
    BadPlace,
    SessionFilter,
    SessionPlace,
    StoppedPage,
    StoppedSession,
    sources_of,
    stopped_sessions,
)

EVERY = SessionFilter()
pytestmark = pytest.mark.django_db


def make_session(session: str, at: float = 0, **fields: Any) -> Session:
    """A session that stopped after its draft, which it created a minute later."""
    return Session.objects.create(
        **{
            "session_id": session,
            "environment": "production",
            "started_at": minutes(at),
            "funnel_created_at": minutes(at + 1),
            "funnel_steps": 2,
            **fields,
        }
    )


def stopped(
    step: FunnelStep = FunnelStep.DRAFT_CREATED, *, chosen: SessionFilter = EVERY, **given: Any
) -> StoppedPage:
    return stopped_sessions(
        step, environment="production", start=minutes(0), end=minutes(15), chosen=chosen, **given
    )


def ids(page: StoppedPage) -> list[str]:
    return [session.session_id for session in page.sessions]


def test_says_when_a_session_started_and_took_its_last_step() -> None:
    make_session("s", draft_sources='["blank", "chat"]', template_used_at=minutes(3))

    [session] = stopped().sessions

    assert session == StoppedSession(
        session_id="s",
        started_at=minutes(0),
        last_step_at=minutes(1),
        sources=("blank", "chat"),
        used_template=True,
    )


def test_lists_those_that_started_in_the_range_and_took_no_later_step() -> None:
    make_session("before", -0.1)
    make_session("first")
    make_session("last", 14.9)
    make_session("after", 15)
    make_session("went on", funnel_steps=3, funnel_accepted_at=minutes(2))
    make_session("elsewhere", environment="staging")

    assert ids(stopped()) == ["last", "first"]
    assert ids(stopped(FunnelStep.DRAFT_ACCEPTED)) == ["went on"]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (SessionFilter(), ["template", "both", "chat", "none"]),
        (SessionFilter(source="chat"), ["both", "chat"]),
        (SessionFilter(source="cha"), []),
        (SessionFilter(used_template=True), ["template"]),
        (SessionFilter(source="chat", used_template=False), ["both", "chat"]),
    ],
)
def test_chooses_by_source_and_template_as_the_figures_do(chosen: SessionFilter, found: list[str]) -> None:
    make_session("none", 0)
    make_session("chat", 1, draft_sources='["chat"]')
    make_session("both", 2, draft_sources='["blank", "chat"]')
    make_session("template", 3, draft_sources='["template"]', template_used_at=minutes(3))

    assert ids(stopped(chosen=chosen)) == found
    assert found == [
        row.session_id
        for row in Session.objects.order_by("-started_at")
        if chosen.matches(
            sources=sources_of(row.draft_sources), used_template=row.template_used_at is not None
        )
    ]


def test_pages_go_on_behind_the_last_session_even_within_a_moment(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(5):
        make_session(f"s-{number}", at=0 if number < 4 else 1)

    pages, place = [], None
    with django_assert_num_queries(6):
        for _ in range(3):
            page = stopped(after=place, size=2)
            pages.append(ids(page))
            place = page.older and SessionPlace.read(str(page.older))

    assert pages == [["s-4", "s-3"], ["s-2", "s-1"], ["s-0"]]
    assert place is None


@pytest.mark.parametrize("text", ["x", "1", "-1-1", "1-1-1"])
def test_refuses_a_place_that_no_link_gives(text: str) -> None:
    with pytest.raises(BadPlace):
        SessionPlace.read(text)
