"""What is looked for in a page that a browser shows: what is wider than the window, inaccessible, or moves."""

from collections.abc import Iterator
from itertools import product
from typing import Literal, get_args

from tests.browser.conftest import Visit

Scheme = Literal["light", "dark"]
WIDTHS = (390, 1440)
NOTE_SHIFTS = """
window.shifts = 0;
new PerformanceObserver(list => { for (const entry of list.getEntries()) window.shifts += entry.value; })
  .observe({ type: "layout-shift", buffered: true });
"""
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
# Colours that change slowly have no contrast on their way. What moves without end, like a mark that pulses, is not
# waited for.
STANDS_STILL = """() => Promise.allSettled(
  document.getAnimations()
    .filter(animation => animation.effect.getComputedTiming().endTime !== Infinity)
    .map(animation => animation.finished)
)"""
AXE = (
    "async () => (await axe.run()).violations.map(violation => violation.id + ': ' + violation.nodes[0].html)"
)
MOST_SHIFTED = 0.05


def faults_of(visit: Visit, path: str, *, axe: str) -> list[str]:
    """What is wrong with the page in light and dark, on a desktop and on a phone; and while it was loaded."""
    visit.page.add_init_script(NOTE_SHIFTS)
    page = visit.goto(path)
    page.evaluate(TWO_FRAMES)
    shifted = page.evaluate("window.shifts")
    page.evaluate(axe)
    moves = [f"moves by {shifted}"] if shifted >= MOST_SHIFTED else []
    return [*moves, *faults_of_states(visit), *visit.faults]


def faults_of_states(visit: Visit) -> Iterator[str]:
    """Of the page that is shown, which has axe. It is not loaded again."""
    page = visit.page
    for width, scheme in product(WIDTHS, get_args(Scheme)):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.evaluate(TWO_FRAMES)
        page.evaluate(STANDS_STILL)
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            yield f"{wide} wide in {width}"
        for fault in page.evaluate(AXE):
            yield f"{scheme}, {width}: {fault}"
