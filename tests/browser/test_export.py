import re
from pathlib import Path

import pytest

from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

PAGES = {
    "KPI": "/kpis/time-to-create-workflow/?compare=1",
    "breakdown over time": "/kpis/execution-cost/?breakdown=workflow",
    "costs": "/costs/?by=agent",
    "funnel": "/funnel/?source=chat",
    "run": "/runs/failed/",
}
PNG = b"\x89PNG\r\n\x1a\n"


def saved(visit: Visit, path: str, *, format: str, to: Path, place: int = 0) -> bytes:
    page = visit.goto(path)
    page.wait_for_function(
        "!document.querySelector('[data-chart]') || document.querySelector('[data-drawn]')"
    )
    with page.expect_download() as download:
        page.locator(f"[data-picture-as={format}]").nth(place).click()
    assert download.value.suggested_filename.endswith(f".{format}")
    # A run is named by its id, and not by a range.
    assert re.match(
        r"production-.*-\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d\.|production-.*-failed\.",
        download.value.suggested_filename,
    )
    download.value.save_as(to)
    return to.read_bytes()


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_a_chart_is_saved_with_its_title_and_source(visit: Visit, path: str, tmp_path: Path) -> None:
    # The chart over time stands below the trend.
    place = int("breakdown=" in path)
    svg = saved(visit, path, format="svg", to=tmp_path / "chart.svg", place=place).decode()
    # The strict reader of a picture takes it, and draws it.
    png = saved(visit, path, format="png", to=tmp_path / "chart.png", place=place)

    assert "Workbench analytics · " in svg
    assert re.search(r"<title>[^<]+, [^<]*production", svg)
    assert "<path" in svg or "<rect" in svg
    assert "%DRAWING" not in svg
    assert png.startswith(PNG)
    assert visit.faults == []


def test_a_picture_has_the_notes_of_its_chart_and_leads_back_to_its_state(
    visit: Visit, tmp_path: Path
) -> None:
    path = "/kpis/approval-rate/?range=7d"
    svg = saved(visit, path, format="svg", to=tmp_path / "chart.svg").decode()
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)

    assert any(re.fullmatch(r"1\. .*: Release 2\.4", text) for text in texts)
    assert "1" in texts
    source = "".join(texts[texts.index(next(text for text in texts if "Workbench analytics" in text)) :])
    assert re.search(r"/kpis/approval-rate/\?environment=production&amp;from=\d{4}-\d\d-\d\d&amp;to=", source)
    assert visit.page.locator(".picture-notes").is_hidden()
    assert visit.faults == []


@pytest.mark.parametrize(
    ("path", "sheets"), [("/", 1), ("/kpis/time-to-create-workflow/?breakdown=source", 2)]
)
def test_a_page_is_a_report_on_one_sheet(visit: Visit, path: str, sheets: int) -> None:
    """And the table of a KPI's periods is on the next one."""
    page = visit.goto(path)

    pdf = page.pdf(prefer_css_page_size=True)

    assert re.findall(rb"/Count (\d+)", pdf)[:1] == [str(sheets).encode()]
    assert visit.faults == []


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_overview_is_one_sheet_with_alerts_and_changes_on_it(visit: Visit, language: str) -> None:
    visit.page.set_extra_http_headers({"Accept-Language": language})
    page = visit.goto("/?range=7d")
    titles = page.locator(".alert-title")
    # A sentence that takes two lines each.
    page.evaluate(
        "document.querySelectorAll('.alert-title').forEach((title) => title.append(' x'.repeat(30)))"
    )

    pdf = page.pdf(prefer_css_page_size=True)

    assert (titles.count(), page.locator(".change").count() > 0) == (3, True)
    assert re.findall(rb"/Count (\d+)", pdf)[:1] == [b"1"]
