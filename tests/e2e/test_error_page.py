"""The error page in a real Chromium, inside a page that stands for the editor: messages, keys, themes, narrow panes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, Route, expect

from preview.inside import report
from preview.outside import error_page, pages
from tests.unit.preview.worker_code import keep, raised

EDITOR = "http://editor.test:8000"
STRANGER = "http://stranger.test:8000"
PREVIEW = "http://p-preview.test:8001"
HOST = """<!doctype html><meta name="viewport" content="width=device-width, initial-scale=1">
<body style="margin: 0"><script>
window.heard = [];
addEventListener("message", (event) => heard.push([event.origin, event.data]));
</script>
<iframe src="%s/" style="border: 0; width: 100%%; height: 700px" sandbox="allow-scripts allow-same-origin"></iframe>"""

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def failed() -> dict[str, Any]:
    keep("prices.py", "PRICES = {}\n")
    return report.make(
        raised("""
            import json

            class Order:
                total = 3

            def price(order):
                return order.totl

            def run():
                try:
                    json.loads("{")
                except ValueError:
                    price(Order())
        """),
        locals_=True,
        request=None,
    )


def serve(context: BrowserContext, failed: dict[str, Any], *, policy: bool = True) -> None:
    """Answers for the three sites without a network."""
    asked = error_page.PageContext(
        worker="shop", method="GET", path="/orders/1", headers=[("accept", "text/html")], revision=3, ms=1.2,
        private=True, editor_origin=EDITOR,
    )  # fmt: skip
    answer = error_page.answer(failed, asked)

    def respond(route: Route) -> None:
        if not route.request.url.startswith(PREVIEW):
            route.fulfill(body=HOST % PREVIEW, content_type="text/html")
            return
        headers = {name: value for name, value in answer.headers if policy or name != "content-security-policy"}
        route.fulfill(status=answer.status, headers=headers, body=answer.body)

    context.route("**/*", respond)


def opened(page: Page, origin: str = EDITOR) -> Frame:
    page.goto(f"{origin}/")
    frame = page.frames[1]
    frame.wait_for_selector("h1")
    return frame


@pytest.fixture
def page(browser: Browser, failed: dict[str, Any]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 552, "height": 700}, color_scheme="light")
    serve(context, failed)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []


def test_O14_a_click_on_a_frame_tells_the_editor_the_path_and_the_line_and_nothing_else(page: Page) -> None:
    frame = opened(page)
    frame.click("text=Open in editor >> nth=0")
    frame.click(".fbox .open >> nth=1")
    frame.click(".www a.lk >> nth=0")
    page.wait_for_function("heard.length === 3")
    place = {"open": "main.py", "line": 7}
    assert page.evaluate("heard") == [[PREVIEW, place], [PREVIEW, {"open": "main.py", "line": 13}], [PREVIEW, place]]


def test_O14_another_page_around_it_hears_nothing(browser: Browser, failed: dict[str, Any]) -> None:
    context = browser.new_context()
    serve(context, failed, policy=False)  # the policy alone would refuse the frame
    page = context.new_page()
    frame = opened(page, STRANGER)
    frame.click(".www a.lk >> nth=0")
    page.evaluate("frames[0].postMessage({theme: 'dark'}, '*')")
    page.evaluate("new Promise((done) => setTimeout(done, 50))")
    assert page.evaluate("heard") == []
    assert frame.evaluate("document.documentElement.dataset.theme") is None
    context.close()


def test_O4_the_policy_refuses_a_stranger_as_its_parent(page: Page) -> None:
    page.goto(f"{STRANGER}/")
    assert page.frames[1].locator(".frame").count() == 0


def test_the_editor_sets_the_theme(page: Page) -> None:
    frame = opened(page)
    # Not with wait_for_function: where it has to ask twice it needs eval, which the page's policy forbids.
    body = frame.locator("body")
    expect(body).to_have_css("background-color", "rgb(255, 255, 255)")
    page.evaluate("frames[0].postMessage({theme: 'dark'}, '*')")
    expect(body).to_have_css("background-color", "rgb(31, 31, 31)")
    page.evaluate("frames[0].postMessage({theme: 'system'}, '*')")
    expect(body).to_have_css("background-color", "rgb(255, 255, 255)")


def test_the_keys_step_open_and_copy(page: Page) -> None:
    frame = opened(page)
    frame.click("h1")  # the keyboard is the frame's from here on
    page.keyboard.press("j")
    assert frame.evaluate("document.activeElement.textContent").startswith("price")
    page.keyboard.press("j")
    assert frame.evaluate("document.activeElement.textContent").startswith("run")
    page.keyboard.press("e")
    page.wait_for_function("heard.length === 1")
    assert page.evaluate("heard[0][1]") == {"open": "main.py", "line": 13}
    page.keyboard.press("k")
    assert frame.evaluate("document.activeElement.textContent").startswith("price")
    page.keyboard.press("c")
    frame.wait_for_selector("text=Copied")


def test_what_where_and_why_are_above_the_fold_and_nothing_is_wider_than_the_pane(page: Page) -> None:
    for width in (1100, 552, 390):
        page.set_viewport_size({"width": width, "height": 700})
        frame = opened(page)
        assert frame.evaluate("document.querySelector('.www').getBoundingClientRect().bottom") < 300
        assert frame.evaluate("document.querySelector('.acts').getBoundingClientRect().bottom") < 300
        assert frame.evaluate("document.documentElement.scrollWidth") <= width


def test_alone_it_has_no_editor_to_open_and_follows_the_system(browser: Browser, failed: dict[str, Any]) -> None:
    context = browser.new_context(color_scheme="dark")
    serve(context, failed)
    page = context.new_page()
    page.goto(f"{PREVIEW}/")
    assert page.locator(".open >> visible=true").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(31, 31, 31)"
    page.click(".www a.lk >> nth=0")
    assert page.url.endswith("#f1")
    context.close()


def test_without_a_script_everything_but_copying_and_opening_works(browser: Browser, failed: dict[str, Any]) -> None:
    context = browser.new_context(java_script_enabled=False)
    serve(context, failed)
    page = context.new_page()
    page.goto(f"{PREVIEW}/")
    assert page.locator("button >> visible=true").count() == 0
    assert page.locator(".open >> visible=true, .go >> visible=true").count() == 0
    assert page.locator(".is-hit >> visible=true").first.inner_text().endswith("return order.totl")
    page.click("details.lib summary")
    assert page.locator("details.lib .frame").first.is_visible()
    context.close()


def test_a_notice_is_a_page_of_the_same_look(browser: Browser) -> None:
    context = browser.new_context(color_scheme="dark")
    gone = error_page.Notice("No worker answers here", "It is gone.")
    notice = error_page.answer_notice(gone, [("accept", "text/html")])
    context.route("**/*", lambda route: route.fulfill(status=404, headers=dict(notice.headers), body=notice.body))
    page = context.new_page()
    page.goto(f"{PREVIEW}/")
    assert page.inner_text("h1") == "No worker answers here"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(31, 31, 31)"
    assert "'none'" in pages.content_security_policy("n", "")
    context.close()
