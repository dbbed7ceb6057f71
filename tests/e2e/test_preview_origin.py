"""A preview's page is somebody's code in a frame of the editor's: what it tries against the editor, and what of it stays."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e.conftest import Site
from tests.e2e.workbench import DEADLINE_MS, EditPage

WORKER = '''from workers import Response, WorkerEntrypoint

PAGE = """<h1>Ready</h1><pre id=out></pre><script>
const out = document.getElementById("out")
const say = (text) => { out.textContent += text + "\\\\n" }
SCRIPT
</script>"""
SERVICE = """self.addEventListener("install", () => self.skipWaiting())
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()))
self.addEventListener("fetch", (event) => event.respondWith(
    new Response("<h1>Hijacked</h1>", {headers: {"content-type": "text/html"}})))"""


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.path == "/sw.js":
            return Response(SERVICE, headers={"content-type": "text/javascript"})
        made = Response(PAGE, headers={"content-type": "text/html; charset=utf-8"})
        COOKIES
        return made
'''
ATTEMPTS = {
    "document": "parent.document.title",
    "top": "top.document.title",
    "storage": "parent.localStorage.length",
    "database": "parent.indexedDB.databases()",
    "sibling": "parent.frames[0].document.title",
    "api": "fetch('EDITOR/api/v1/workers', {credentials: 'include'}).then((answer) => answer.status)",
}
"""What the page in a frame tries against the page around it, by name."""


def with_page(edit: EditPage, script: str, cookies: str = "pass") -> None:
    edit.open("main.py")
    edit.replace_all(WORKER.replace("SCRIPT", script).replace("COOKIES", cookies))
    edit.expect_preview("Ready")
    edit.wait_until_saved()


def test_O6_a_preview_reaches_nothing_of_the_editors(site: Site) -> None:
    edit = site.open_worker("reaching")
    tries = [
        f"try {{ say('{name}: reached ' + await {code.replace('EDITOR', site.url(''))}) }} catch {{ say('{name}: refused') }}"
        for name, code in ATTEMPTS.items()
    ]
    with_page(edit, "(async () => {" + "\n".join(tries) + "\nsay('done')})()")
    out = edit.preview.locator("#out")
    expect(out).to_contain_text("done", timeout=DEADLINE_MS)
    assert out.inner_text().split("\n")[:-1] == [*(f"{name}: refused" for name in ATTEMPTS), "done"]


def test_O6_control_a_frame_of_the_editors_own_origin_reaches_all_of_it(site: Site) -> None:
    page = site.tab()
    page.goto(site.url("/"))
    page.evaluate("() => document.body.append(document.createElement('iframe'))")
    for name, code in ATTEMPTS.items():
        reached = page.frames[-1].evaluate(f"async () => String(await {code.replace('EDITOR', site.url(''))})")
        assert reached != "undefined" and (name != "api" or reached == "200"), (name, reached)


def test_O7_a_tossed_cookie_signs_nobody_out_and_nobody_in(site: Site) -> None:
    edit = site.open_worker("tossing")
    ours = {cookie.get("name"): cookie.get("value") for cookie in edit.page.context.cookies(site.url("/"))}
    assert {"quickedit", "quickedit-csrf"} <= set(ours)
    tossed = [
        f'made.headers.append("set-cookie", "{name}=tossed; Path=/{more}")'
        for name in ("quickedit", "quickedit-csrf")
        for more in ("", "; Domain=localhost", "; Domain=.localhost")
    ]
    script = "for (const d of ['', '; domain=localhost']) document.cookie = 'quickedit=tossed; path=/' + d"
    with_page(edit, script, "; ".join(tossed))
    page = site.tab()
    page.goto(edit.preview_origin())  # once more as a page of its own, where its cookies are first-party
    expect(page.get_by_role("heading", name="Ready")).to_be_visible()
    there = edit.page.context.cookies(edit.preview_origin())
    assert "tossed" in [cookie.get("value") for cookie in there], "the worker has what it set, for itself"
    kept = {cookie.get("name"): cookie.get("value") for cookie in edit.page.context.cookies(site.url("/"))}
    assert kept == ours
    page.goto(site.url("/"))
    expect(page.get_by_role("button", name="New worker")).to_be_visible()
    again = site.new_worker("tossed")  # a form with its CSRF proof still counts
    again.expect_preview(re.compile(r"\w"))


def test_O11_a_service_worker_of_a_preview_stays_in_that_preview(site: Site) -> None:
    other = site.open_worker("beside")
    edit = site.open_worker("serving")
    script = (
        "navigator.serviceWorker.register('/sw.js', {scope: '/'}).then(() => navigator.serviceWorker.ready)"
        ".then(() => say('registered'), (error) => say('none: ' + error.name))"
    )
    with_page(edit, script)
    expect(edit.preview.locator("#out")).to_have_text(re.compile("registered"), timeout=DEADLINE_MS)
    edit.page.get_by_role("button", name="Reload preview").click()
    edit.expect_preview("Hijacked")  # there it may: it is the worker's own page
    for origin in (site.url("/"), site.url("/workers/serving/edit"), other.preview_origin()):
        page = site.tab()
        page.goto(origin)
        expect(page.locator("body")).not_to_be_empty()
        assert page.evaluate("() => navigator.serviceWorker.controller") is None, origin
        assert page.evaluate("async () => (await navigator.serviceWorker.getRegistrations()).length") == 0, origin
        page.close()


def test_O5_the_editor_takes_one_port_and_from_its_parent_alone(site: Site) -> None:
    edit = site.open_worker("porting")
    page = edit.page
    page.evaluate(
        """() => {
        const frame = document.querySelector('iframe[title="Editor"]')
        const { port1, port2 } = new MessageChannel()
        window.heard = []
        port1.onmessage = (event) => window.heard.push(event.data)
        frame.contentWindow.postMessage({ t: 'port', theme: 'light', open: { path: 'pages.py', line: 1 } }, '*', [port2])
    }"""
    )
    edit.open("main.py")
    edit.type_at_end("# through the first port")
    edit.wait_until_saved()
    assert "# through the first port" in site.modules("porting")["main.py"]
    assert page.evaluate("() => window.heard") == []
    stranger = site.tab()
    frame = page.locator('iframe[title="Editor"]').get_attribute("src") or ""
    stranger.goto(re.sub(r"parent=[^&]*", "parent=http%3A%2F%2Fevil.localhost", frame))
    expect(stranger.get_by_text("This page may not frame the editor.")).to_be_visible(timeout=DEADLINE_MS)
