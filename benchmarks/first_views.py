"""(n) What a browser loads for a page at the first and at the second view, and when its largest part is painted."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, Request, sync_playwright

from benchmarks.options import Options
from benchmarks.report import Comparison
from benchmarks.servers import Databases, Site, site

TITLE = "(n) views in a browser"
CHROMIUM = "/usr/bin/chromium"
FIRST_BAR, SECOND_BAR, PAINT_BAR = "<= 450", "<= 40", "<= 1200"
DAYS = 60
PAGES = ("/", "/kpis/time-to-create-workflow/", "/funnel/", "/runs/", "/plan/")
NOTE_PAINT = """
window.painted = 0;
new PerformanceObserver(list => { for (const entry of list.getEntries()) window.painted = entry.startTime; })
  .observe({ type: "largest-contentful-paint", buffered: true });
"""
# Charts are drawn after the page is loaded.
SETTLED_MS = 300


def run(options: Options, databases: Databases) -> list[Comparison]:
    with site(databases) as portal, running_browser() as browser:
        portal.inside.call("load_history", events=options.small_environment, days=DAYS)
        (session,) = portal.inside.call("sign_in", 1)
        return [
            line
            for page in PAGES
            for line in compare(page, browser=browser, portal=portal, session=session, rounds=options.rounds)
        ]


def compare(path: str, *, browser: Browser, portal: Site, session: str, rounds: int) -> list[Comparison]:
    again = Comparison(name=path, unit="KB", bar="")
    first = Comparison(name="  first view", unit="KB", bar=FIRST_BAR)
    second = Comparison(name="  second view", unit="KB", bar=SECOND_BAR)
    paint = Comparison(name="  largest paint, first view", unit="ms", bar=PAINT_BAR)
    for _ in range(rounds):
        kilobytes, painted = view_twice(path, browser=browser, portal=portal, session=session)
        again.reference.append(kilobytes[0])
        again.portal.append(kilobytes[1])
        paint.portal.append(painted)
    first.portal, second.portal = again.reference, again.portal
    return [again, first, second, paint]


def view_twice(
    path: str, *, browser: Browser, portal: Site, session: str
) -> tuple[tuple[float, float], float]:
    """((kilobytes of the first view, of the second), milliseconds to the largest paint), in a fresh profile."""
    origin = f"http://127.0.0.1:{portal.port}"
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": session, "url": origin}])
    page = context.new_page()
    page.add_init_script(NOTE_PAINT)
    first = kilobytes_of(page, origin + path)
    painted: float = page.evaluate("window.painted")
    second = kilobytes_of(page, origin + path)
    context.close()
    return (first, second), painted


def kilobytes_of(page: Page, address: str) -> float:
    """What comes over the wire, headers and compressed bodies; what the browser has costs nothing."""
    finished: list[Request] = []

    def note(request: Request) -> None:
        finished.append(request)

    page.on("requestfinished", note)
    page.goto(address, wait_until="load")
    page.wait_for_timeout(SETTLED_MS)
    page.remove_listener("requestfinished", note)
    return sum(bytes_of(request) for request in finished) / 1000


def bytes_of(request: Request) -> int:
    timing = request.timing
    # From the browser's cache: no request was sent.
    if timing["requestStart"] < 0:
        return 0
    sizes = request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


@contextmanager
def running_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
