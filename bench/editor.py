"""In headless Chromium on the loopback: how soon the editor can be used, and how soon a keystroke shows in the preview.

Interactive means what a person waits for: the explorer lists the modules and the open module is highlighted. The pages take the
times themselves: a test driver that asks from outside is told up to half a second late, because it asks less and less often.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, Frame, Page, Playwright, sync_playwright

from bench._product import Person, Product, product
from bench.rows import Row, median, percentile
from tests.e2e.workbench import EditPage
from tests.support import chromium_options

PROFILES = 5
KEYS = 15
REMOTE_KEYS = 40
STAY_MS = 5000
"""How long a visit lasts at least, as a person's does: the browser compiles the scripts for the next time meanwhile."""
AWAY_MS = 4000
"""After which a browser has ended the process of a page that was closed."""
CLOCK = """
const now = () => performance.timeOrigin + performance.now()
if (location.hostname.startsWith('editor.')) {
  const look = () => {
    const coloured = document.querySelector('.monaco-editor .view-line span[class*=mtk]:not(.mtk1)')
    const rows = [...document.querySelectorAll('.explorer-folders-view .monaco-list-row')]
    if (coloured && rows.some((row) => row.textContent.includes('main.py'))) setTimeout(() => (window.interactive = now()))
    else requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
  addEventListener('keydown', () => (window.pressed = now()), true)
} else if (window === top) {
  window.swaps = []
  const seen = new Set()
  const look = () => {
    const shown = document.querySelector('iframe[title="Preview"]')
    if (shown && !seen.has(shown)) { seen.add(shown); swaps.push(now()) }
  }
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['title'] })
}
"""
"""Kept by the pages, in milliseconds since 1970: when the editor could be used, the last key, each new page of the preview."""


ARRIVALS = """
() => {
  window.arrivals = []
  const look = () => {
    const text = document.querySelector('.monaco-editor .view-lines').textContent.replaceAll('\\u00a0', ' ')
    const typed = text.match(/mark (x*)/)?.[1].length ?? 0
    while (arrivals.length < typed) arrivals.push(performance.timeOrigin + performance.now())
  }
  new MutationObserver(look).observe(document.querySelector('.monaco-editor .view-lines'), { subtree: true, childList: true })
}
"""
"""Kept by the page that looks on: when each x behind the mark was there to be painted."""


def rows() -> Iterable[Row]:
    """Some two minutes and a half."""
    with product() as running, sync_playwright() as playwright:
        Person(running).make_worker("bench")
        yield from _opening(running, playwright)
        with _signed_in(running, playwright) as context:
            yield from _typing(running, context)
            with _signed_in(running, playwright) as other:
                yield from _together(running, context, other)


def _opening(running: Product, playwright: Playwright) -> Iterable[Row]:
    visits: dict[str, list[float]] = {"cold": [], "warm": [], "later": []}
    for _ in range(PROFILES):
        with _signed_in(running, playwright) as context:
            for visit, times in visits.items():
                page = context.new_page()
                if visit == "later":
                    page.wait_for_timeout(AWAY_MS)
                times.append(_open(running, page))
                EditPage(page).wait_until_ready()
                page.wait_for_timeout(STAY_MS)
                page.close()
    cold, warm, later = (median(times) for times in visits.values())
    yield Row("editor interactive, cold", cold, "ms p50", "≤ 2000", cold <= 2000, f"{PROFILES} new profiles on disk")
    yield Row("editor interactive, warm", warm, "ms p50", "≤ 1200", warm <= 1200, "the same profiles once more")
    yield Row(
        f"  again after {AWAY_MS // 1000} seconds",
        later,
        "ms p50",
        note="in a new process: the browser has ended that of the closed page",
    )


@contextmanager
def _signed_in(running: Product, playwright: Playwright) -> Iterator[BrowserContext]:
    """A new profile on disk, as a person has one: what a private window keeps is less."""
    with tempfile.TemporaryDirectory(prefix="quickedit-bench-", ignore_cleanup_errors=True) as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, viewport={"width": 1440, "height": 900}, **chromium_options()
        )
        context.add_init_script(CLOCK)
        page = context.new_page()
        page.goto(running.login_link())
        page.close()
        yield context
        context.close()


def _open(running: Product, page: Page) -> float:
    """Milliseconds from the navigation until the editor can be used."""
    page.goto(f"http://{running.host}/workers/bench/edit", wait_until="commit")
    while not any(frame.url.startswith("http://editor.") for frame in page.frames):
        page.wait_for_timeout(20)
    while not (interactive := _editor(page).evaluate("window.interactive")):
        page.wait_for_timeout(200)  # seldom, so that asking costs the page nothing
    return float(interactive - page.evaluate("performance.timeOrigin"))


def _editor(page: Page) -> Frame:
    return next(frame for frame in page.frames if frame.url.startswith("http://editor."))


def _typing(running: Product, context: BrowserContext) -> Iterable[Row]:
    """One character into a string that the page shows, then the wait of 150 ms, the run, the load, the swap."""
    page = context.new_page()
    _open(running, page)
    edit = EditPage(page).wait_until_ready()
    edit.open("greeting.py")
    page.keyboard.press("Control+End")
    page.keyboard.press("Control+f")
    page.keyboard.type("Hello, {")
    page.keyboard.press("Escape")  # what was found is selected
    page.keyboard.press("ArrowLeft")
    shown = edit.preview.locator("h1")
    shown.wait_for()
    typed: list[float] = []
    saved: list[float] = []
    for number in range(2 * KEYS):
        before, swaps = shown.inner_text(), page.evaluate("swaps.length")
        page.keyboard.press("x")
        if number % 2:
            page.keyboard.press("Control+s")
        while page.evaluate("swaps.length") == swaps:
            page.wait_for_timeout(10)
        pressed = _editor(page).evaluate("window.pressed")
        (saved if number % 2 else typed).append(page.evaluate(f"swaps[{swaps}]") - pressed)
        now = shown.inner_text()
        assert now == before.replace("Hello", "xHello"), now
    middle = median(typed)
    yield Row("last keystroke → changed preview shown, 150 ms wait included", middle, "ms p50", "≤ 250", middle <= 250)
    middle = median(saved)
    yield Row("Ctrl+S → the same", middle, "ms p50", "≤ 100", middle <= 100)


def _together(running: Product, context: BrowserContext, other: BrowserContext) -> Iterable[Row]:
    """One browser types four characters a second, another looks on: keydown there → in the editor here."""
    typist, onlooker = context.new_page(), other.new_page()
    for page in (typist, onlooker):
        _open(running, page)
        EditPage(page).wait_until_ready().open("pages.py")
    typist.keyboard.press("Control+Home")
    typist.keyboard.type("# mark \n")
    typist.keyboard.press("ArrowUp")
    typist.keyboard.press("End")
    EditPage(onlooker).line("# mark").wait_for()
    editor = _editor(onlooker)
    editor.evaluate(ARRIVALS)
    times = []
    for number in range(REMOTE_KEYS):
        typist.keyboard.press("x")
        typist.wait_for_timeout(250)
        while editor.evaluate("arrivals.length") <= number:
            onlooker.wait_for_timeout(20)
        times.append(editor.evaluate(f"arrivals[{number}]") - _editor(typist).evaluate("window.pressed"))
    middle, most = median(times), percentile(times, 95)
    yield Row("a keystroke → shown in the other browser", middle, "ms p50", "≤ 80", middle <= 80, f"p95 {most:.0f} ms")
