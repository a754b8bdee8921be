from pathlib import Path

import pytest

from tests.browser.conftest import Visit
from tests.browser.looking import NOTE_SHIFTS, TWO_FRAMES

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

TIMES = "/kpis/time-to-create-workflow/"
# The chart is drawn on a canvas: its texts are only seen where they are drawn.
NOTE_TEXTS = """
window.drawn = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
  window.drawn.push(text);
  return fillText.call(this, text, ...place);
};
"""


def test_draws_the_chart_and_says_what_it_shows(visit: Visit, bundle: Path) -> None:
    page = visit.goto(TIMES)

    canvas = page.locator("[data-chart-canvas]")
    assert canvas.locator("canvas").is_visible()
    assert "Time to create a workflow: between 6" in (canvas.get_attribute("aria-label") or "")
    assert visit.faults == []


def test_draws_a_breakdown_over_time_and_leaves_out_what_is_switched_off(visit: Visit, bundle: Path) -> None:
    page = visit.goto("/kpis/execution-cost/?breakdown=workflow")
    figure = page.locator("[data-chart=over-time-data]")
    entry = figure.get_by_role("button").first

    entry.click()

    assert figure.locator("canvas").is_visible()
    assert entry.get_attribute("aria-pressed") == "false"
    assert visit.faults == []


def test_lists_every_line_in_the_legend(visit: Visit) -> None:
    page = visit.goto(f"{TIMES}?compare=1")

    names = page.get_by_role("figure").get_by_role("button").all_inner_texts()

    # The range before has no values, so it has no line.
    assert names == [
        "Median",
        "95% interval",
        "Target",
        "Baseline",
        "p75",
        "p90",
        "p95",
        "p99",
        "Drafts measured",
    ]


@pytest.mark.parametrize("width", [375, 1280])
def test_moves_nothing_when_the_chart_is_drawn(visit: Visit, bundle: Path, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 1600})
    visit.page.add_init_script(NOTE_SHIFTS)
    visit.page.route("**/charts.js", lambda route: (visit.page.wait_for_timeout(300), route.continue_()))

    page = visit.goto(TIMES)
    page.locator("[data-chart-canvas] canvas").wait_for()
    page.evaluate(TWO_FRAMES)

    assert page.evaluate("window.shifts") == 0


def test_a_click_on_a_period_leads_to_what_counted_in_it(visit: Visit, bundle: Path) -> None:
    page = visit.goto(TIMES)

    page.locator("[data-chart-canvas] canvas").click(position={"x": 600, "y": 150})

    page.wait_for_url(f"**{TIMES}counted/?environment=production&from=*")
    assert page.get_by_role("heading", name="What counted").is_visible()


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
    before = button.get_attribute("aria-pressed")

    button.press("Enter")

    assert (before, button.get_attribute("aria-pressed")) == ("false", "true")


def test_draws_the_chart_anew_in_the_other_theme(visit: Visit, bundle: Path) -> None:
    visit.page.emulate_media(color_scheme="light")
    page = visit.goto(TIMES)
    canvas = page.locator("[data-chart-canvas] canvas")
    light = canvas.evaluate("element => element.toDataURL()")

    page.get_by_role("button", name="Switch between light and dark").click()

    assert canvas.evaluate("element => element.toDataURL()") != light


def test_keeps_the_theme_that_was_chosen(visit: Visit) -> None:
    visit.page.emulate_media(color_scheme="light")
    page = visit.goto(TIMES)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.get_by_role("button", name="Switch between light and dark").click()
    page = visit.goto("/")

    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_reads_without_javascript(visit_without_script: Visit) -> None:
    page = visit_without_script.goto(TIMES)

    assert not page.locator(".chart-drawing").is_visible()
    assert page.get_by_text("The table below has every figure.").is_visible()
    assert page.get_by_role("table").is_visible()
    assert not page.get_by_role("switch").is_visible()


def test_changes_range_and_granularity_by_links(visit: Visit) -> None:
    page = visit.goto(TIMES)

    page.get_by_role("link", name="7 days").click()
    page.get_by_role("link", name="Week", exact=True).click()

    assert page.url.endswith(f"{TIMES}?range=7d&granularity=week")


# KPI → labels of its value axis.
AXES = {
    "time-to-create-workflow": {"10 min", "20 min", "30 min"},
    "template-suggestion-rate": {"20%", "40%", "60%"},
    "execution-cost": {"$20", "$40", "$60"},
}


@pytest.mark.parametrize(("slug", "labels"), AXES.items(), ids=AXES)
def test_divides_the_axis_into_round_steps(visit: Visit, bundle: Path, slug: str, labels: set[str]) -> None:
    visit.page.add_init_script(NOTE_TEXTS)

    visit.goto(f"/kpis/{slug}/")

    assert labels <= drawn_texts(visit)
    assert visit.faults == []


def test_fits_the_axis_to_the_lines_that_are_shown(visit: Visit, bundle: Path) -> None:
    visit.page.add_init_script(NOTE_TEXTS)
    page = visit.goto(TIMES)
    page.evaluate("window.drawn = []")

    page.get_by_role("button", name="Baseline").click()

    minutes = {text for text in drawn_texts(visit) if text.endswith(" min")}
    assert minutes == {"5 min", "10 min", "15 min"}


def drawn_texts(visit: Visit) -> set[str]:
    """What is written on the canvas, after the next frame."""
    visit.page.evaluate(TWO_FRAMES)
    return set(visit.page.evaluate("window.drawn"))


def test_shows_the_whole_table_on_a_desktop(visit: Visit) -> None:
    page = visit.goto(TIMES)

    table = page.locator(".table-scroll")

    assert table.evaluate("element => element.scrollWidth - element.clientWidth") == 0


def test_keeps_the_names_of_the_periods_in_sight_on_a_phone(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 375, "height": 800})
    page = visit.goto(TIMES)
    table = page.locator(".table-scroll")

    table.evaluate("element => element.scrollLeft = 200")

    name, frame = page.locator("tbody th").first.bounding_box(), table.bounding_box()
    assert name is not None
    assert frame is not None
    assert name["x"] == frame["x"]


@pytest.mark.parametrize("name", ["Alert", "95% interval"])
def test_the_chart_has_a_band_of_alerts_and_one_of_intervals(visit: Visit, bundle: Path, name: str) -> None:
    page = visit.goto("/kpis/approval-rate/")
    canvas = page.locator("[data-chart-canvas] canvas")
    button = page.get_by_role("button", name=name)
    with_band = canvas.evaluate("element => element.toDataURL()")

    button.press("Enter")

    assert canvas.evaluate("element => element.toDataURL()") != with_band
    assert page.get_by_role("heading", name="Alerts in this range").is_visible()
    assert visit.faults == []
