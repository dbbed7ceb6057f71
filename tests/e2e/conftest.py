"""The running product and a real Chromium, for the browser tests.

``site`` is shared by a module: starting Chromium and the product for each test would double the time and prove nothing more.
``fresh_site`` is an installation of its own, for what a first visit shows.
"""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.conftest import Live, start_product
from tests.e2e.workbench import DEADLINE_MS, EditPage
from tests.processes import children, command_line, descendants
from tests.support import DEADLINE, chromium_options, free_port, page_data, wait_until

RUNNER = "preview.outside.serve"
WARTS = (
    "Cannot set null/undefined state",
    "Search provider not initialized",
)
"""Errors that the workbench's own code raises in passing, with no effect that a person sees; all others fail the module."""


RESULTS = Path(__file__).parents[2] / "test-results"
"""Where a failed test leaves a picture of each of its tabs."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    fixtures: dict[str, Any] = getattr(item, "funcargs", {})
    site = fixtures.get("site") or fixtures.get("fresh_site")
    if report.when == "call" and report.failed and isinstance(site, Site):
        report.sections.append(("pictures", "\n".join(site.take_pictures(item.name))))
        report.sections.append(("what the product printed last", site.live.program.printed()[-4000:]))
    return report


class Site:
    """One installation of Quick Edit, and one signed-in person's browser in front of it."""

    def __init__(self, live: Live, browser: Browser) -> None:
        self.live = live
        self.browser = browser
        self.context: BrowserContext | None = None
        self.ends = ExitStack()
        self.problems: list[str] = []

    @property
    def workers_port(self) -> int:
        return self.live.workers_port

    def url(self, path: str) -> str:
        return f"http://localhost:{self.live.port}{path}"

    def sign_in(self, **options: Any) -> Page:
        """A new tab of a new browser profile, signed in by a login link. The profile is on disk, as a person's is: what a private
        window keeps is less, the compiled scripts of the editor above all."""
        profile = self.ends.enter_context(tempfile.TemporaryDirectory(prefix="quickedit-", ignore_cleanup_errors=True))
        options = {"viewport": {"width": 1440, "height": 900}, **chromium_options(), **options}
        self.context = self.browser.browser_type.launch_persistent_context(profile, **options)
        self.ends.callback(self.context.close)
        self.context.set_default_timeout(DEADLINE_MS)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = self.tab()
        page.goto(self.live.login_link())
        expect(page).to_have_url(self.url("/"))
        return page

    def tab(self) -> Page:
        assert self.context is not None
        return self.watched(self.context.new_page())

    def watched(self, page: Page) -> Page:
        """The page; whatever its scripts fail at fails the module."""
        page.on("pageerror", lambda error: self.fail(page, f"{error}\n{error.stack or ''}"))
        page.on("console", lambda message: self.hear(page, message.type, message.text))
        return page

    def fail(self, page: Page, error: str) -> None:
        if not any(wart in error for wart in WARTS):
            self.problems.append(f"{page.url}: {error}")

    def hear(self, page: Page, kind: str, text: str) -> None:
        if kind == "error" and "Content Security Policy" in text:
            self.problems.append(f"{page.url}: {text}")

    def take_pictures(self, name: str) -> list[str]:
        """A picture of each tab of everybody's, the last one's first; the files' names."""
        RESULTS.mkdir(exist_ok=True)
        made = []
        contexts = [*self.browser.contexts, *([self.context] if self.context is not None else [])]
        pages = [page for context in contexts for page in context.pages]
        for number, page in enumerate(reversed(pages)):
            made.append(str(RESULTS / f"{name}-{number}.png"))
            try:
                page.screenshot(path=made[-1], timeout=5000)
            except PlaywrightError as error:  # a crashed tab has no picture, and must not hide why the test failed
                made[-1] = f"no picture of {page.url}: {error}"
        return made

    def new_worker(self, name: str, template: str = "Hello") -> EditPage:
        """Makes a worker as a person does, in a tab of its own, and waits for its editor."""
        page = self.sign_in() if self.context is None else self.tab()
        page.goto(self.url("/"))
        page.get_by_role("button", name="New worker").click()
        page.get_by_role("radio", name=re.compile(template)).click()
        page.get_by_role("textbox", name="Name").fill(name)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(rf"/workers/{name}/edit$"))
        return EditPage(page).wait_until_ready()

    def open_worker(self, name: str) -> EditPage:
        """The editor of a worker made for this, where how it is made does not matter: the dialog takes a second longer."""
        self.make_worker(name)
        page = self.tab()
        page.goto(self.url(f"/workers/{name}/edit"))
        return EditPage(page).wait_until_ready()

    def make_worker(self, name: str, template: str = "hello") -> None:
        """Makes a worker without looking at it, as the dashboard asks the server to."""
        assert self.context is not None
        request = self.context.request
        token = page_data(request.get(self.url("/")).text())["csrfToken"]
        headers = {"X-CSRFToken": token, "Origin": self.url("")}
        made = request.post(self.url("/api/v1/workers"), data={"name": name, "template": template}, headers=headers)
        assert made.ok, made.text()

    def row_menu(self, page: Page, worker: str, entry: str) -> None:
        page.get_by_role("button", name=f"More about {worker}", exact=True).click()
        page.get_by_role("menuitem", name=re.compile(f"^{entry}")).click()

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """As curl would: Python's resolver does not know ``*.localhost``, so the name goes into the Host header."""
        asked = httpx.URL(url)
        direct = asked.copy_with(host="127.0.0.1")
        return httpx.get(direct, headers={"host": asked.netloc.decode(), **(headers or {})}, timeout=DEADLINE)

    def modules(self, worker: str) -> dict[str, str]:
        """The modules as the server has them, by path."""
        assert self.context is not None
        answer = self.context.request.get(self.url(f"/api/v1/workers/{worker}/snapshot"))
        assert answer.ok, answer.text()
        return {each["path"]: each["text"] for each in answer.json()["files"]}

    # --- processes ------------------------------------------------------------------------------------------------

    def pids(self, name: str) -> list[int]:
        """Process ids of one part of this installation. The web process is a fork of the start-up command's own."""
        parts = children(self.live.program.pid)
        runners = [pid for pid in parts if RUNNER in command_line(pid)]
        if name == "runner":
            return runners
        if name == "web":
            return [pid for pid in parts if pid not in runners]
        return [pid for runner in runners for pid in children(runner)]

    def kill(self, name: str) -> None:
        """``kill -9``, and waits until another process has taken the place."""
        before = wait_until(lambda: self.pids(name), f"a {name} process")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: set(self.pids(name)) - set(before), f"another {name} process")

    def kill_and_restart(self) -> None:
        """``kill -9`` of every process of the installation at once, then the same command again."""
        for pid in [self.live.program.pid, *descendants(self.live.program.pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.live.program.process.wait()
        self.live = start_product(self.live.environment)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(**chromium_options())
        yield chromium
        chromium.close()


def _site(browser: Browser, directory: Path) -> Iterator[Site]:
    environment = {
        **os.environ,
        "QUICKEDIT_PORT": str(free_port()),
        "QUICKEDIT_WORKERS_PORT": str(free_port()),
        "QUICKEDIT_DATA_DIR": str(directory / "data"),
    }
    site = Site(start_product(environment), browser)
    try:
        yield site
        assert not site.problems, "\n".join(site.problems)
    finally:
        site.ends.close()
        site.live.program.stop()


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    for site in _site(browser, tmp_path_factory.mktemp("site")):
        site.sign_in()
        # The dashboard of an empty installation is another page; the story's chapters start from the list.
        site.make_worker("first")
        yield site


@pytest.fixture
def fresh_site(browser: Browser, tmp_path: Path) -> Iterator[Site]:
    yield from _site(browser, tmp_path)


@pytest.fixture(autouse=True)
def _tabs_are_closed(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test: an editor that stays open goes on working, and a dozen of them slow down the next test's."""
    yield
    site = request.node.funcargs.get("site")
    if isinstance(site, Site) and site.context is not None:
        for page in site.context.pages:
            page.close()
