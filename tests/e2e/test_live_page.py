"""What a worker's page does in the preview pane of a real Chromium: it logs somebody in, and it keeps talking to its worker.

The pane is a frame on another site than the editor, so a browser drops cookies that are not partitioned, and a form guarded
by one fails. These are the cases for which the runner rewrites cookies and carries WebSockets.
"""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.conftest import Site
from tests.e2e.workbench import DEADLINE_MS

SIGN_IN = '''import secrets
from http.cookies import SimpleCookie

from workers import Response, WorkerEntrypoint

SESSIONS: dict[str, str] = {}
FORM = """<h1>Sign in</h1><form method=post action=/login><input type=hidden name=token value={token}>
<label>Name <input name=name></label><button>Sign in</button></form>"""
HTML = {"content-type": "text/html; charset=utf-8"}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        cookies = SimpleCookie(request.headers.get("cookie", ""))
        got = {name: morsel.value for name, morsel in cookies.items()}
        if request.path == "/login":
            form = await request.form_data()
            if not got.get("csrf") or form.get("token") != got["csrf"]:
                return Response("<h1>No token</h1>", status=403, headers=HTML)
            session = secrets.token_hex(8)
            SESSIONS[session] = form.get("name")
            made = Response.redirect("/", 303)
            made.headers.append("set-cookie", f"session={session}; HttpOnly; SameSite=Lax; Path=/")
            return made
        if request.path == "/logout":
            made = Response.redirect("/", 303)
            made.headers.append("set-cookie", "session=; Max-Age=0; SameSite=Lax; Path=/")
            return made
        if name := SESSIONS.get(got.get("session", "")):
            page = f"<h1>Welcome, {name}</h1><form method=post action=/logout><button>Sign out</button></form>"
            return Response(page, headers=HTML)
        token = got.get("csrf") or secrets.token_hex(8)
        made = Response(FORM.format(token=token), headers=HTML)
        made.headers.append("set-cookie", f"csrf={token}; SameSite=Strict; Path=/")
        return made
'''

LIVE = '''import asyncio

from workers import Response, WebSocketPair, WorkerEntrypoint

PAGE = """<p id=events></p><p id=socket></p><p id=closed></p><script>
new EventSource("/events").onmessage = (event) => { document.getElementById("events").textContent += event.data }
const socket = new WebSocket(location.href.replace(/^http/, "ws") + "socket")
socket.onopen = () => socket.send("hello")
socket.onmessage = (event) => { document.getElementById("socket").textContent = event.data }
</script>"""


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.path == "/events":
            return Response(self.events(), headers={"content-type": "text/event-stream"})
        if request.path == "/socket":
            client, server = WebSocketPair.new().object_values()
            server.accept()
            server.addEventListener("message", lambda event: server.send(f"echo {event.data}"))
            return Response(None, status=101, web_socket=client)
        return Response(PAGE, headers={"content-type": "text/html; charset=utf-8"})

    async def events(self):
        for number in range(100):
            yield f"data: {number};\\n\\n"
            await asyncio.sleep(0.05)
'''


def test_a_person_signs_in_and_out_through_a_form_in_the_pane(site: Site) -> None:
    edit = site.open_worker("signing-in")
    edit.open("main.py")
    edit.replace_all(SIGN_IN)
    edit.expect_preview("Sign in")
    edit.wait_until_saved()
    for _ in range(2):
        edit.preview.get_by_label("Name").fill("Ada")
        edit.preview.get_by_role("button", name="Sign in").click()
        expect(edit.preview.get_by_role("heading", name="Welcome, Ada")).to_be_visible(timeout=DEADLINE_MS)
        edit.preview.get_by_role("button", name="Sign out").click()
        expect(edit.preview.get_by_role("heading", name="Sign in")).to_be_visible(timeout=DEADLINE_MS)


def test_a_page_hears_events_and_talks_through_a_websocket_in_the_pane(site: Site) -> None:
    edit = site.open_worker("live-page")
    edit.open("main.py")
    edit.replace_all(LIVE)
    expect(edit.preview.locator("#socket")).to_have_text("echo hello", timeout=DEADLINE_MS)
    expect(edit.preview.locator("#events")).to_contain_text("0;1;2;", timeout=DEADLINE_MS)
