"""People beside the one that ``Site`` signs in: each with a browser profile and a network of their own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext, Error, Page, expect

from tests.e2e.conftest import Site
from tests.e2e.workbench import DEADLINE_MS, EditPage
from tests.network import Network, network
from tests.processes import command_line, descendants
from tests.support import ROOT, chromium_options

_JOIN = """
import sys, django
django.setup()
from django.contrib.auth import get_user_model
from quickedit.accounts import links
from quickedit.workers.models import Membership, Worker
name, worker, role = sys.argv[1:]
user, _ = get_user_model().objects.get_or_create(username=name)
Membership.objects.update_or_create(worker=Worker.objects.get(name=worker, deleted_at=None), user=user, defaults={"role": role})
print(links.create(user).url)
"""


@dataclass
class Person:
    """Somebody signed in. ``network`` can be cut for them alone."""

    site: Site
    context: BrowserContext
    network: Network

    def edit(self, worker: str) -> EditPage:
        """Opens a worker in a new tab, and waits for its editor."""
        page = self.tab()
        page.goto(self.site.url(f"/workers/{worker}/edit"))
        return EditPage(page).wait_until_ready()

    def sign_in(self, link: str) -> None:
        """This browser profile belongs to somebody else from now on."""
        page = self.tab()
        page.goto(link)
        expect(page).to_have_url(re.compile(rf"^{re.escape(self.site.url('/'))}"))
        page.close()

    def tab(self) -> Page:
        return self.site.watched(self.context.new_page())

    def cut(self, *pages: EditPage) -> None:
        """The network goes; returns when these pages have noticed."""
        self.network.cut()
        for edit in pages:
            expect(edit.status).to_have_attribute("data-state", "offline", timeout=DEADLINE_MS)


def kill(page: Page) -> None:
    """Crashes the tab's process: nothing of the page runs any more, nothing is flushed."""
    with contextlib.suppress(Error), page.expect_event("crash"):
        page.goto("chrome://crash")
    page.close()


def kill_browser(profile: Path) -> None:
    """``kill -9`` of the browser that has this profile on disk, all its tabs with it."""
    ours = {pid: command_line(pid) for pid in descendants(os.getpid())}
    (browser,) = [pid for pid, said in ours.items() if f"--user-data-dir={profile}" in said and "--type=" not in said]
    os.kill(browser, signal.SIGKILL)


@contextlib.contextmanager
def signed_in(site: Site, link: str = "", profile: Path | None = None, **options: object) -> Iterator[Person]:
    """The installation's owner, or whom ``link`` signs in, in a browser profile of their own; with ``profile`` in a browser of
    their own too, which keeps the profile in that folder."""
    with network() as line:
        options = {"viewport": {"width": 1440, "height": 900}, "proxy": {"server": line.address}, **options}
        if profile is None:
            context = site.browser.new_context(**options)  # type: ignore[arg-type]
        else:
            context = site.browser.browser_type.launch_persistent_context(profile, **{**chromium_options(), **options})
        try:
            context.set_default_timeout(DEADLINE_MS)
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            person = Person(site, context, line)
            person.sign_in(link or site.live.login_link())
            yield person
        finally:
            with contextlib.suppress(Error):  # a killed browser has nothing left to close
                context.close()


@contextlib.contextmanager
def stranger(site: Site) -> Iterator[Page]:
    """A tab of a browser that was never here."""
    context = site.browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        context.set_default_timeout(DEADLINE_MS)
        yield context.new_page()
    finally:
        context.close()


def member(site: Site, name: str, worker: str, role: str = "editor") -> str:
    """Makes somebody a member of a worker; returns a link that signs them in."""
    environment = {**site.live.environment, "DJANGO_SETTINGS_MODULE": "quickedit.settings"}
    made = subprocess.run(
        [sys.executable, "-c", _JOIN, name, worker, role],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.split()[-1]
