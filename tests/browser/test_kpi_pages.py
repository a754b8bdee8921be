from datetime import date, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from kpis.registry import DEFINITIONS, Kind
from tests.browser.conftest import Visit
from tests.kpis.builders import make_baseline, make_bucket, make_durations, make_environment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TIMES = "/kpis/time-to-create-workflow/"
PATHS = ["/", f"{TIMES}?compare=1&breakdown=source", "/kpis/execution-cost/"]
# The chart is drawn on a canvas: its texts are only seen where they are drawn.
NOTE_TEXTS = """
window.drawn = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
  window.drawn.push(text);
  return fillText.call(this, text, ...place);
};
"""
AXE = "async () => (await axe.run()).violations.map(each => each.id + ': ' + each.nodes[0].html)"


@pytest.fixture(autouse=True)
def _figures(visit: Visit) -> None:
    """28 days of every KPI, up to today."""
    now = timezone.now()
    make_environment(computed_until=now)
    make_baseline("time-to-create-workflow", "1500", since=date(2026, 1, 1))
    for number in range(28):
        start = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=number)
        for kpi in DEFINITIONS:
            if kpi.kind is Kind.DURATION:
                make_durations(kpi.slug, range(100, 700, 20), period_start=start)
            else:
                make_bucket(kpi.slug, period_start=start, numerator=30 + number, denominator=100)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("width", [375, 1280])
def test_fits_its_window_and_asks_nobody_else(visit: Visit, path: str, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 800})
    page = visit.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert visit.faults == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_has_no_fault_of_accessibility(visit: Visit, axe: str, path: str, scheme: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page = visit.goto(path)
    page.evaluate(axe)
    assert page.evaluate(AXE) == []


def test_draws_the_chart_over_the_one_of_the_server(visit: Visit, bundle: Path) -> None:
    page = visit.goto(f"{TIMES}?compare=1")
    assert page.locator("[data-chart-canvas] canvas").is_visible()
    assert not page.locator("[data-chart-static]").is_visible()
    names = page.locator("[data-chart-legend] button").all_inner_texts()
    assert names == [
        "Median",
        "Previous period",
        "Target",
        "Baseline",
        "p75",
        "p90",
        "p95",
        "p99",
        "Drafts measured",
    ]
    assert visit.faults == []


def test_shows_the_figures_of_the_period_under_the_pointer(visit: Visit, bundle: Path) -> None:
    page = visit.goto(TIMES)
    page.locator("[data-chart-canvas] canvas").hover(position={"x": 600, "y": 150})
    text = page.locator(".tip").inner_text()
    assert "Drafts measured\n30" in text
    assert "p95" in text
    assert visit.faults == []


def test_shows_and_hides_a_line_from_the_keyboard(visit: Visit, bundle: Path) -> None:
    page = visit.goto(TIMES)
    button = page.get_by_role("button", name="p95")
    assert button.get_attribute("aria-pressed") == "false"
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"


def test_keeps_the_theme_that_was_chosen(visit: Visit) -> None:
    visit.page.emulate_media(color_scheme="light")
    page = visit.goto(TIMES)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Switch between light and dark").click()
    page = visit.goto("/")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_reads_without_javascript(visit: Visit) -> None:
    visit.page.route("**/*.js", lambda route: route.fulfill(body=""))
    page = visit.goto(TIMES)
    assert page.locator("svg.chart-plot").is_visible()
    assert page.get_by_role("table").is_visible()


def test_changes_range_and_environment_by_links(visit: Visit) -> None:
    page = visit.goto(TIMES)
    page.get_by_role("link", name="7 days").click()
    assert page.url.endswith(f"{TIMES}?range=7d")
    page.get_by_role("link", name="Week").click()
    assert page.url.endswith(f"{TIMES}?range=7d&granularity=week")


def test_divides_a_duration_axis_by_minutes_and_by_what_is_shown(visit: Visit, bundle: Path) -> None:
    visit.page.add_init_script(NOTE_TEXTS)
    page = visit.goto(TIMES)
    assert minutes_drawn(visit) == {"10 min", "20 min", "30 min"}
    page.evaluate("window.drawn = []")
    page.get_by_role("button", name="Baseline").click()
    assert minutes_drawn(visit) == {"5 min", "10 min", "15 min"}
    assert visit.faults == []


def minutes_drawn(visit: Visit) -> set[str]:
    """Labels of the value axis, after the next frame."""
    drawn = visit.page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(window.drawn))))"
    )
    return {text for text in drawn if text.endswith((" s", " min", " h"))}


def test_shows_the_whole_of_the_table_on_a_desktop_and_its_names_on_a_phone(visit: Visit) -> None:
    page = visit.goto(TIMES)
    table = page.locator(".table-scroll")
    assert table.evaluate("each => each.scrollWidth - each.clientWidth") == 0
    page.set_viewport_size({"width": 375, "height": 800})
    table.evaluate("each => each.scrollLeft = 200")
    name, frame = page.locator("tbody th").first.bounding_box(), table.bounding_box()
    assert name is not None
    assert frame is not None
    assert name["x"] == frame["x"]
