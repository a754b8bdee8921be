import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from pages.polling.admissions import admissions
from pages.polling.fragments import fragments
from people.models import Role
from telemetry.models import Arrival, QuarantinedEvent, RawEvent
from tests.builders import NOW, issue_key, make_secret
from tests.pages.page_content import words
from tests.people.builders import make_person
from tests.telemetry.posts import event, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> None:
    fragments.forget()


@pytest.fixture
def secret(db: None) -> str:
    return make_secret()


def good(name: str = "a", **changes: Any) -> dict[str, Any]:
    return event(event_id=name, **{"source": "chat", "draftId": "d-1", **changes})


def posts(client: Client, path: str = "/live/", **query: str) -> list[str]:
    """The text of each post."""
    page = client.get(path, query).content.decode()
    parts = re.findall(r'<li class="post".*?(?=<li class="post"|</ol>)', page, re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", part)).split()) for part in parts]


def test_a_post_says_what_became_of_its_events(reader: Client, secret: str) -> None:
    post(
        {"events": [good("a"), good("a"), event(event_id="x", source="chatt", draftId="d-2")]}, secret=secret
    )
    prefix = Arrival.objects.get().key.prefix

    (text,) = posts(reader)

    assert text == (
        f"12:00:00 web {prefix}… 3 events 1 accepted 1 rejected 1 duplicate"
        " Rejected workbench.draft_created place in the post 3 · id x"
        " properties.source This must be one of: chat, template, blank. Did you mean chat? not_in_enum"
        ' The event, redacted { "event": "workbench.draft_created", "id": "x",'
        ' "properties": { "draftId": "d-2", "source": "chatt" },'
        ' "sessionId": "s-1", "timestamp": "2026-02-15T11:00:00Z" } Its own page'
        " Accepted workbench.draft_created"
        " session s-1 · source chat · draftId d-1 · timestamp 11:00:00 · id a"
        " session s-1 source chat draftId d-1 timestamp 11:00:00 id a"
    )


def test_each_code_leads_to_what_is_written_about_it(reader: Client, secret: str) -> None:
    post(event(source="x"), secret=secret)

    assert 'href="/runbooks/rejections/#not_in_enum"' in reader.get("/live/").content.decode()


def test_a_short_message_is_completed_by_what_the_plan_takes(reader: Client, secret: str) -> None:
    post(event(source="x"), secret=secret)
    short = {"code": "wrong_type", "field": "properties.nodeCount", "message": "This must be a whole number."}
    QuarantinedEvent.objects.update(errors=[short])

    (text,) = posts(reader)

    assert "This must be a whole number. It takes a whole number from 0 to 2147483647. wrong_type" in text


def test_says_what_is_not_stored_any_more(reader: Client, secret: str) -> None:
    post({"events": [good("a"), good("b"), event(source="x")]}, secret=secret)
    RawEvent.objects.filter(event_id="a").delete()
    QuarantinedEvent.objects.all().delete()

    (text,) = posts(reader)

    assert text.endswith(
        "1 accepted event deleted since, by retention or an erasure."
        " 1 rejected event not in the quarantine: it keeps 200 of a post at most."
    )


def test_says_when_a_rejected_event_was_replayed(reader: Client, secret: str) -> None:
    post(event(source="x"), secret=secret)
    QuarantinedEvent.objects.update(replayed_at=NOW, outcome="accepted")

    assert "Replayed 12:00:00: accepted" in posts(reader)[0]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["third", "second", "first"]),
        ({"outcome": "rejected"}, ["second"]),
        ({"outcome": "accepted"}, ["third", "first"]),
        ({"event": "workbench.session_started"}, ["third"]),
        ({"outcome": "rejected", "event": "workbench.session_started"}, []),
    ],
    ids=str,
)
def test_the_filters_are_in_the_address(
    reader: Client, secret: str, query: dict[str, str], expected: list[str]
) -> None:
    post(good("first"), secret=secret)
    post(event(event_id="second", source="x"), secret=secret)
    post(event("workbench.session_started", event_id="third", userId="u-1"), secret=secret)

    assert [text.split(" id ")[1].split()[0] for text in posts(reader, **query)] == expected


def test_a_key_is_chosen_by_its_number(reader: Client, secret: str) -> None:
    key, other = issue_key(source="other")
    post(good("mine"), secret=secret)
    post(good("theirs"), secret=other)

    (text,) = posts(reader, key=str(key.pk))

    assert "theirs" in text
    assert f'<option value="{key.pk}" selected>' in reader.get(f"/live/?key={key.pk}").content.decode()


def test_a_large_post_leads_to_all_of_it(reader: Client, secret: str) -> None:
    post({"events": [good(f"e-{number}") for number in range(10)]}, secret=secret)
    link = re.search(r'-more" href="([^"]+)">2 more<', reader.get("/live/").content.decode())
    assert link is not None

    (text,) = posts(reader, "/live/" + unescape(link[1]))

    assert len(re.findall(r"id e-\d ", text + " ")) == 20
    assert "Back to all posts" in words(reader, "/live/" + unescape(link[1]))


def test_a_search_says_how_far_it_went_and_a_duplicate_that_only_its_number_is_kept(
    reader: Client, secret: str
) -> None:
    post(good("a"), secret=secret)
    post(good("a"), secret=secret)

    text = words(reader, "/live/", outcome="duplicate")

    assert "Searched the newest 2 posts, back to 12:00:00." in text
    assert "Of a duplicate only the number is kept" in text
    assert "Searched" not in words(reader, "/live/")


def test_a_plan_without_deprecations_has_no_warnings(reader: Client, secret: str) -> None:
    post(good("a"), secret=secret)

    assert "The running plan deprecates nothing" in words(reader, "/live/", outcome="warning")


@pytest.mark.parametrize(
    "query",
    [
        {"outcome": "lost"},
        {"key": "x"},
        {"key": "9" * 19},
        {"post": "٣"},
        {"event": "\x00"},
        {"event": "x" * 65},
    ],
    ids=str,
)
def test_a_filter_that_cannot_be_read_is_said_and_left_out(
    reader: Client, secret: str, query: dict[str, str]
) -> None:
    post(good("a"), secret=secret)

    assert "Everything is shown instead" in words(reader, "/live/", status=400, **query)
    fragments.forget()
    assert len(posts(reader, **query)) == 1


def test_a_run_is_a_link_for_those_who_may_see_runs(client: Client, secret: str) -> None:
    started = event(
        "workbench.workflow_run_started", event_id="r", runId="r-1", workflowId="w-1", trigger="user"
    )
    post(started, secret=secret)
    link = 'href="/runs/r-1/?environment=production"'

    pages = []
    for role in (Role.ANALYST, Role.OPERATOR):
        client.force_login(make_person(role.value, role=role))
        pages.append(client.get("/live/").content.decode())

    assert ["r-1" in page for page in pages] == [True, True]
    assert [link in page for page in pages] == [False, True]


def test_who_may_not_explore_is_told_so(client: Client, secret: str) -> None:
    client.force_login(make_person("viewer", role=Role.VIEWER))

    assert [client.get(path).status_code for path in ("/live/", "/live/?part=live")] == [403, 403]
    assert 'href="/live/"' not in client.get("/").content.decode()


def test_events_of_another_environment_do_not_exist(client: Client, secret: str) -> None:
    post(event(event_id="secret", source="x"), secret=make_secret(environment="staging"))
    number = Arrival.objects.get().pk
    client.force_login(make_person("root", role=Role.ANALYST))
    assert len(posts(client, environment="staging")) == 1
    client.force_login(make_person("eve", role=Role.ANALYST, environments=["production"]))

    for query in ("?environment=staging", "?environment=staging&part=live"):
        assert client.get(f"/live/{query}").status_code == 404
    key = Arrival.objects.get().key_id
    for query in ("", f"?post={number}", f"?key={key}", f"?key={key}&outcome=rejected"):
        assert "post-" not in client.get(f"/live/{query}").content.decode()


def test_the_fragment_is_what_the_page_shows_and_304_while_it_stays_so(reader: Client, secret: str) -> None:
    post(good("a"), secret=secret)
    page = reader.get("/live/").content.decode()

    fragment = reader.get("/live/?part=live")
    again = reader.get("/live/?part=live", headers={"if-none-match": fragment["ETag"]})

    assert fragment.content.decode() in page
    assert (again.status_code, again.content, fragment["X-Active"]) == (304, b"", "true")


def test_an_event_that_comes_is_in_the_next_fragment(reader: Client, secret: str) -> None:
    before = reader.get("/live/?part=live")
    assert "Nothing has arrived in production" in before.content.decode()
    assert "http://testserver/api/workbench/telemetry" in before.content.decode()
    post(good("a"), secret=secret)
    fragments.forget()

    after = reader.get("/live/?part=live", headers={"if-none-match": before["ETag"]})

    assert after.status_code == 200
    assert 'id="post-' in after.content.decode()


def test_viewers_who_poll_in_the_same_second_cost_one_read(
    reader: Client, secret: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    post(good("a"), secret=secret)
    admissions.forget()
    reader.get("/live/?part=live")

    # Nothing of the posts, and within that second nothing of the reader either.
    with django_assert_num_queries(0):
        reader.get("/live/?part=live")


@pytest.mark.parametrize("count", [1, 20])
def test_takes_a_fixed_number_of_queries(
    reader: Client, secret: str, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        issue_key(source=f"s-{number}")
        post({"events": [good(f"a-{number}"), event(source="x")]}, secret=secret)

    # Session, user, two of rights, the environments, the person's limit; five of the posts; the keys to choose from.
    with django_assert_num_queries(12):
        reader.get("/live/")


def test_has_no_inline_script_or_style(reader: Client, secret: str) -> None:
    post({"events": [good("a"), event(source="x")]}, secret=secret)

    page = reader.get("/live/").content.decode()

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", page)


def test_greets_an_empty_portal_with_what_to_do(reader: Client) -> None:
    assert "create_key --scope ingest" in words(reader, "/live/")
