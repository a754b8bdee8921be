"""The JavaScript client in a real browser: pages that close, crash, reload and share their storage."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import BrowserContext, Error, Page

from tests.clients.conftest import ScriptedPortal, wait_until

pytestmark = pytest.mark.browser

OpenPage = Callable[..., Page]
AWAY = [{"status": 503}] * 1000


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def names(portal: ScriptedPortal) -> list[str]:
    return [event["event"].removeprefix("workbench.") for event in portal.stored]


def stored_keys(page: Page) -> list[str]:
    return page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))")


def wait_until_empty(page: Page) -> None:
    page.wait_for_function("telemetry.pending === 0")


def test_page_that_closes_sends_what_it_tracked_and_the_end_of_its_session(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    page = open_page({"flushInterval": 60_000})
    page.evaluate("edit(0, 3)")
    page.close()
    wait_until(lambda: "session_ended" in names(scripted_portal))
    assert names(scripted_portal) == ["session_started", *["draft_edited"] * 3, "session_ended"]
    assert len({event["sessionId"] for event in scripted_portal.stored}) == 1
    assert 0 < scripted_portal.stored[-1]["properties"]["durationMs"] < 60_000


def test_page_of_another_origin_sends_what_it_tracked_when_it_closes(
    open_page: OpenPage, other_origin: ScriptedPortal
) -> None:
    page = open_page({"flushInterval": 60_000}, url=other_origin.url)
    page.evaluate("edit(0, 3)")
    page.close()
    wait_until(lambda: "session_ended" in names(other_origin))
    assert other_origin.draft_ids() == numbers(3)


def test_hidden_page_sends_at_once(open_page: OpenPage, scripted_portal: ScriptedPortal) -> None:
    page = open_page({"flushInterval": 60_000})
    page.evaluate("""() => {
      edit(0, 3);
      Object.defineProperty(document, "visibilityState", { value: "hidden" });
      document.dispatchEvent(new Event("visibilitychange"));
    }""")
    wait_until(lambda: scripted_portal.draft_ids() == numbers(3))
    wait_until_empty(page)


def test_old_browser_sends_a_beacon_when_the_page_closes(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    page = open_page({"flushInterval": 60_000})
    page.evaluate("delete Request.prototype.keepalive")
    page.evaluate("edit(0, 3)")
    page.close()
    wait_until(lambda: scripted_portal.draft_ids() == numbers(3))
    [post] = scripted_portal.posts
    assert post["url"] == "/api/workbench/telemetry?key=wbk_test"
    assert post["headers"]["content-type"] == "text/plain;charset=UTF-8"


FAULTS = [
    {"delay": 30},
    {"status": 500},
    {"lose": True},
    {"delay": 60},
    {"reset": True},
    {"status": 503, "headers": {"Retry-After": "0"}},
]


@pytest.mark.parametrize("milliseconds", [0, 1, 3, 7, 15, 25, 40, 70, 110, 180, 300])
def test_page_closed_at_any_moment_loses_nothing_and_sends_nothing_twice(
    open_page: OpenPage, scripted_portal: ScriptedPortal, milliseconds: int
) -> None:
    scripted_portal.answer_with(*FAULTS * 3)
    page = open_page({"flushAt": 20})
    page.evaluate("""() => {
      let next = 0;
      localStorage.tracked = 0;
      setInterval(() => {
        edit(next, (next += 10));
        localStorage.tracked = next;
      }, 2);
    }""")
    page.wait_for_timeout(milliseconds)
    page.close()
    later = open_page()
    tracked = int(later.evaluate("localStorage.tracked"))
    wait_until(lambda: len(scripted_portal.draft_ids()) >= tracked)
    wait_until_empty(later)
    # The page may be killed between an event and its note of it, but never the other way round.
    assert scripted_portal.draft_ids() == numbers(len(scripted_portal.draft_ids()))
    assert later.evaluate("localStorage.dropped") is None
    assert names(scripted_portal).count("session_started") == 2
    assert len({event["sessionId"] for event in scripted_portal.stored}) == 2


def test_what_is_tracked_after_the_page_was_told_to_go_belongs_to_its_session(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    page = open_page()
    page.evaluate("addEventListener('pagehide', () => edit(0, 3))")
    page.close()
    open_page()
    wait_until(lambda: scripted_portal.draft_ids() == numbers(3))
    starts, ends, edits = (
        [event["sessionId"] for event in scripted_portal.stored if event["event"].endswith(name)]
        for name in ("session_started", "session_ended", "draft_edited")
    )
    assert edits == ends * 3
    assert starts[0] == ends[0]


def test_crashed_page_loses_nothing(open_page: OpenPage, scripted_portal: ScriptedPortal) -> None:
    scripted_portal.answer_with(*AWAY)
    page = open_page()
    page.evaluate("edit(0, 30)")
    page.wait_for_timeout(50)
    with suppress(Error):
        page.goto("chrome://crash")
    scripted_portal.answer_with()
    later = open_page()
    wait_until(lambda: scripted_portal.draft_ids() == numbers(30))
    wait_until_empty(later)


def test_events_survive_a_reload_while_the_portal_is_away(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    scripted_portal.answer_with(*AWAY)
    page = open_page()
    page.evaluate("edit(0, 100)")
    page.reload()
    scripted_portal.answer_with()
    later = open_page()
    wait_until(lambda: scripted_portal.draft_ids() == numbers(100))
    wait_until_empty(later)
    assert [key for key in stored_keys(later) if key.startswith("workbench") and " " in key] == []


def test_queue_larger_than_a_keepalive_request_survives_the_page(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    page = open_page({"flushInterval": 60_000, "flushAt": 1_000_000})
    page.evaluate("edit(0, 5000)")
    page.close()
    later = open_page()
    wait_until(lambda: len(scripted_portal.draft_ids()) == 5000)
    wait_until_empty(later)
    assert scripted_portal.draft_ids() == numbers(5000)


def test_tab_leaves_the_events_of_a_living_tab_alone(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    scripted_portal.answer_with(*AWAY)
    first = open_page()
    first.evaluate("edit(0, 10)")
    second = open_page()
    second.evaluate("edit(10, 20)")
    second.wait_for_timeout(200)
    # Its own and the start of its session.
    assert second.evaluate("telemetry.pending") == 11
    scripted_portal.answer_with()
    wait_until_empty(first)
    wait_until_empty(second)
    assert scripted_portal.draft_ids() == numbers(20)
    assert scripted_portal.ask("/_state")["duplicates"] == 0


def test_living_tab_takes_over_what_a_closed_one_left(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    scripted_portal.answer_with(*AWAY)
    closed, _living = open_page(), open_page()
    closed.evaluate("edit(0, 10)")
    closed.close()
    scripted_portal.answer_with()
    wait_until(lambda: scripted_portal.draft_ids() == numbers(10))


def test_without_locks_events_survive_the_page_too(
    open_page: OpenPage, scripted_portal: ScriptedPortal, profile: BrowserContext
) -> None:
    profile.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })")
    scripted_portal.answer_with(*AWAY)
    page = open_page()
    page.evaluate("edit(0, 10)")
    page.close()
    scripted_portal.answer_with()
    open_page()
    wait_until(lambda: scripted_portal.draft_ids() == numbers(10))


def test_clients_of_another_key_leave_each_others_events_alone(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    # Told to wait, the page keeps its events when it closes.
    scripted_portal.answer_with({"status": 503, "headers": {"Retry-After": "60"}})
    page = open_page({"key": "wbk_first"})
    page.evaluate("telemetry.flush()")
    page.evaluate("edit(0, 10)")
    page.close()
    wait_until_empty(open_page({"key": "wbk_second"}))
    assert scripted_portal.draft_ids() == []
    open_page({"key": "wbk_first"})
    wait_until(lambda: scripted_portal.draft_ids() == numbers(10))


@pytest.mark.parametrize(
    "obstacle",
    [
        pytest.param("options.persist = false", id="nothing may be kept"),
        pytest.param(
            "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }",
            id="the storage is full",
        ),
    ],
)
def test_page_that_can_keep_nothing_says_what_is_lost_with_it(
    open_page: OpenPage, scripted_portal: ScriptedPortal, obstacle: str
) -> None:
    scripted_portal.answer_with(*AWAY)
    page = open_page(None)
    page.evaluate(
        """([url, obstacle]) => {
          const lost = localStorage;
          const options = { url, key: "k", sessions: false, onDropped: (count) => (lost.dropped = count) };
          eval(obstacle);
          window.telemetry = WorkbenchTelemetry.createTelemetry(options);
          for (let draft = 0; draft < 7; draft++) telemetry.track("workbench.draft_edited", { draftId: "d" });
        }""",
        [scripted_portal.url, obstacle],
    )
    page.evaluate("telemetry.flush()")
    page.close()
    assert scripted_portal.draft_ids() == []
    assert open_page(None).evaluate("localStorage.dropped") == "7"


def test_withdrawn_consent_leaves_nothing_in_the_browser(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    scripted_portal.answer_with(*AWAY)
    page = open_page()
    page.evaluate("edit(0, 10)")
    page.wait_for_timeout(100)
    assert len(stored_keys(page)) >= 2
    page.evaluate("telemetry.consent(false)")
    page.evaluate("edit(10, 20)")
    sent = len(scripted_portal.posts)
    page.wait_for_timeout(200)
    assert stored_keys(page) == []
    page.close()
    assert len(scripted_portal.posts) == sent


def test_consent_given_again_at_once_keeps_events_again(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    scripted_portal.answer_with(*AWAY)
    page = open_page()
    page.evaluate("begin(); telemetry.consent(false); telemetry.consent(true); edit(0, 10)")
    page.wait_for_function("Object.values(localStorage).some((text) => text.includes('draft_edited'))")


def test_without_consent_nothing_is_stored_or_sent(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    page = open_page({"consent": False})
    page.evaluate("edit(0, 10)")
    page.wait_for_timeout(100)
    assert stored_keys(page) == []
    page.close()
    assert scripted_portal.posts == []


def test_reload_ends_the_session_and_begins_another(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    page = open_page()
    page.reload()
    page.close()
    wait_until(lambda: names(scripted_portal)[-1:] == ["session_ended"])
    assert names(scripted_portal) == ["session_started", "session_ended"]


def test_session_may_go_on_over_reloads_and_starts_once(
    open_page: OpenPage, scripted_portal: ScriptedPortal, profile: BrowserContext
) -> None:
    options = f"{{ url: '{scripted_portal.url}', key: 'k', pageEndsSession: false, flushInterval: 20 }}"
    page = open_page(None)
    sessions = set()
    for _ in range(3):
        page.evaluate(f"window.telemetry = WorkbenchTelemetry.createTelemetry({options})")
        sessions.add(page.evaluate("telemetry.sessionId"))
        wait_until_empty(page)
        page.reload()
    assert len(sessions) == 1
    assert names(scripted_portal) == ["session_started"]


def test_page_that_the_user_comes_back_to_begins_another_session(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    page = open_page()
    page.evaluate("edit(0, 3)")
    page.goto(f"{scripted_portal.url}/README.md")
    wait_until(lambda: names(scripted_portal)[-1:] == ["session_ended"])
    page.evaluate("setTimeout(() => history.back())")
    wait_until(lambda: names(scripted_portal)[-1:] == ["session_started"])
    page.evaluate("edit(3, 5)")
    wait_until(lambda: scripted_portal.draft_ids() == numbers(5))
    assert names(scripted_portal) == [
        *["session_started", *["draft_edited"] * 3, "session_ended"],
        *["session_started", *["draft_edited"] * 2],
    ]


def test_closing_page_does_not_disturb_a_portal_that_asked_to_wait(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    scripted_portal.answer_with({"status": 429, "headers": {"Retry-After": "60"}})
    page = open_page()
    wait_until(lambda: scripted_portal.posts)
    page.evaluate("edit(0, 3)")
    page.wait_for_timeout(100)
    page.close()
    open_page(None).wait_for_timeout(200)
    assert len(scripted_portal.posts) == 1
    open_page()
    wait_until(lambda: scripted_portal.draft_ids() == numbers(3))


def test_new_tab_is_a_new_session(open_page: OpenPage, scripted_portal: ScriptedPortal) -> None:
    pages = [open_page(), open_page()]
    assert len({page.evaluate("telemetry.sessionId") for page in pages}) == 2


def test_sends_as_soon_as_the_browser_is_online_again(
    open_page: OpenPage, scripted_portal: ScriptedPortal, profile: BrowserContext
) -> None:
    page = open_page({"maxBackoff": 60_000})
    wait_until_empty(page)
    page.evaluate("Math.random = () => 0.9")
    profile.set_offline(True)
    page.evaluate("edit(0, 10)")
    page.evaluate("new Promise((resolve) => setTimeout(resolve, 100))")
    assert scripted_portal.draft_ids() == []
    profile.set_offline(False)
    wait_until(lambda: scripted_portal.draft_ids() == numbers(10), seconds=0.8)


LOOP = """async () => {
  const tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries())).observe({ type: "longtask" });
  await new Promise((resolve) => setTimeout(resolve, 100));
  edit(0, 10_000);
  while (telemetry.pending) await new Promise((resolve) => setTimeout(resolve, 20));
  await new Promise((resolve) => setTimeout(resolve, 100));
  return tasks.map((task) => task.duration);
}"""


def test_ten_thousand_events_in_a_loop_never_block_the_page(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    # A busy machine only ever makes tasks longer: one undisturbed run shows what the client itself takes.
    runs = (open_page().evaluate(LOOP) for _ in range(5))
    assert [] in runs
    assert set(scripted_portal.draft_ids()) == set(numbers(10_000))


def test_memory_is_bounded_however_much_is_tracked(
    open_page: OpenPage, scripted_portal: ScriptedPortal
) -> None:
    scripted_portal.answer_with(*AWAY)
    page = open_page({"maxBytes": 100_000, "sessions": False})
    page.evaluate("edit(0, 50_000)")
    page.wait_for_function("telemetry.pending < 1000")
    pending = page.evaluate("telemetry.pending")
    assert 100 < pending < 1000
    wait_until(
        lambda: int(page.evaluate("localStorage.dropped")) == 50_000 - page.evaluate("telemetry.pending")
    )
    assert page.evaluate("JSON.stringify(localStorage).length") < 200_000
