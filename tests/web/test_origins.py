"""Who may ask what from where: hosts, origins, frames, and the headers that say so."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import json

import pytest
import websockets
from django.conf import settings

from tests.web.conftest import Person, Server

LOOK_ALIKES = [
    "http://localhost",
    "http://localhost:80",
    "http://localhost:80000",
    "http://localhost.evil.test:8000",
    "http://evil-localhost:8000",
    "http://localhost:8000.evil.test",
    "http://evil.test/http://localhost:8000",
    "http://user@localhost:8000",
    "https://localhost:8000",
    "http://LOCALHOST:8000",
    "http://127.0.0.1:8000",
    "http://p-abcdefghijklmnopqrstuvwxyz.localhost:8001",
]
STRANGERS = ["http://editor.localhost:8000", "http://shop.localhost:8001", "https://evil.test", "null", None]


async def _refused(person: Person, worker: str, origin: str | None) -> bool:
    try:
        async with person.bridge(worker, origin=origin):
            return False
    except websockets.InvalidStatus as error:
        return error.response.status_code in (400, 403)


@pytest.mark.parametrize("origin", LOOK_ALIKES)
async def test_O1_a_look_alike_origin_cannot_open_the_bridge(owner: Person, origin: str) -> None:
    assert await _refused(owner, "any", origin)


@pytest.mark.parametrize("origin", STRANGERS)
async def test_O2_a_foreign_null_or_absent_origin_cannot_open_the_bridge(owner: Person, origin: str | None) -> None:
    assert await _refused(owner, "any", origin)


@pytest.mark.parametrize("origin", [*LOOK_ALIKES, *filter(None, STRANGERS)])
def test_O1_a_look_alike_origin_cannot_post_even_with_the_token(owner: Person, origin: str) -> None:
    answer = owner.ask("POST", "workers", {"name": "tossed"}, headers={"origin": origin})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "workers"), ("POST", "workers/restore"), ("PATCH", "workers/x"), ("DELETE", "workers/x"),
        ("POST", "workers/x/duplicate"), ("PUT", "workers/x/variables"), ("POST", "workers/x/requests"),
        ("POST", "workers/x/deployments"), ("POST", "workers/x/rollback"), ("PUT", f"workers/x/blobs/{'0' * 64}"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("token", ["", "x", "y" * 64])
def test_O9_every_change_needs_a_CSRF_proof(owner: Person, method: str, path: str, token: str) -> None:
    answer = owner.ask(method, path, {}, headers={"x-csrftoken": token})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf")


@pytest.mark.parametrize(
    "host", ["evil.test", "localhost", "localhost:8001", "127.0.0.1:8000", "a.localhost:8000", "[::1]"]
)
@pytest.mark.parametrize("path", ["/", "/api/v1/workers", "/static/x.js", "/login?token=x"])
def test_O10_a_foreign_host_is_refused(server: Server, host: str, path: str) -> None:
    with server.client(host=host) as browser:
        answer = browser.get(path)
        assert answer.status_code == 400
        assert "set-cookie" not in answer.headers


async def test_O10_a_foreign_host_cannot_open_the_bridge(owner: Person) -> None:
    with pytest.raises(websockets.InvalidStatus):
        async with websockets.connect(
            f"ws://evil.test:{settings.PORT}/ws/workers/x", host="127.0.0.1", port=owner.server.port,
            origin=settings.PUBLIC_ORIGIN, additional_headers={"cookie": owner.cookie},
        ):  # fmt: skip
            pass


def test_O4_the_editor_may_be_framed_by_our_pages_only_and_gets_no_cookie(server: Server, owner: Person) -> None:
    with server.client(host=settings.EDITOR_HOST) as browser:
        for page in ("/", "/again.html", "/ahead.html"):
            answer = browser.get(page)
            assert answer.status_code == 200
            assert ('id="workbench"' in answer.text, "<script" in answer.text) == ((page != "/ahead.html",) * 2)
            policy = answer.headers["content-security-policy"]
            assert f"frame-ancestors {settings.PUBLIC_ORIGIN}" in policy.split("; ")
            assert "connect-src 'self'" in policy.split("; ")
            assert "set-cookie" not in answer.headers
        parents = browser.get("/parents.json")
        assert (parents.json(), parents.headers["cache-control"]) == ([settings.PUBLIC_ORIGIN], "no-store")
        browser.headers["cookie"] = owner.cookie
        for path in (
            "/api/v1/workers",
            "/login",
            "/workers/x/edit",
            "/.vite/manifest.json",
            "/../quickedit/settings.py",
        ):
            assert browser.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/login", "/nope", "/workers/x/edit", "/api/v1/workers", "/api/v1/nope"])
def test_every_answer_carries_the_security_headers(owner: Person, path: str) -> None:
    headers = owner.browser.get(path).headers
    policy = headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy)
    assert not any("unsafe" in part or part.endswith(" *") for part in policy)
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] in ("same-origin", "no-referrer")
    assert headers["cache-control"] == "no-store"


def test_health_answers_under_any_host_and_says_little(server: Server) -> None:
    with server.client(host="10.0.0.7") as browser:
        answer = browser.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"ok": True})


@pytest.mark.parametrize(
    "path", ["/..%2f..%2fetc/passwd", "/%2e%2e/quickedit/settings.py", "/.vite/manifest.json", "/a%00b", "//etc"]
)
def test_static_files_never_leave_their_folder(server: Server, path: str) -> None:
    with server.client() as browser:
        assert browser.get(f"/static{path}").status_code == 404


def test_pages_not_found_say_what_to_do_and_the_API_answers_in_JSON(owner: Person) -> None:
    page = owner.browser.get("/no/such/page")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    answer = owner.browser.get("/api/v1/no-such-thing")
    assert answer.status_code == 404
    assert set(json.loads(answer.text)["error"]) == {"code", "message", "hint"}
