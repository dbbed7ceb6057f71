"""Signing in with a one-time link, and out again."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from quickedit.accounts import links
from quickedit.accounts.models import LoginLink
from tests.web.conftest import Person, Server, local, page_data


def test_a_link_signs_in_the_owner_and_shows_the_dashboard(server: Server) -> None:
    with server.client() as browser:
        answer = browser.get(local(links.create().url))
        assert (answer.status_code, answer.headers["location"]) == (302, "/")
        assert browser.get("/").status_code == 200
    assert User.objects.get(username=links.OWNER).is_superuser


def test_a_link_works_once_and_says_when_it_was_used(server: Server) -> None:
    path = local(links.create().url)
    with server.client() as first, server.client() as second:
        assert first.get(path).status_code == 302
        answer = second.get(path)
        assert answer.status_code == 410
        assert "used" in answer.text
        assert second.get("/").headers["location"].startswith("/login")


def test_a_link_expires_and_says_so(server: Server) -> None:
    path = local(links.create().url)
    LoginLink.objects.order_by("-pk")[:1].get()
    newest = LoginLink.objects.latest("pk")
    newest.expires_at = timezone.now() - timedelta(seconds=1)
    newest.save()
    with server.client() as browser:
        answer = browser.get(path)
        assert answer.status_code == 410
        assert "login-link" in answer.text or "new" in answer.text


@pytest.mark.parametrize("token", ["x", "x" * 5000, "%00", "%ff%fe", "..%2f", "💥"])
def test_an_invented_token_signs_nobody_in(server: Server, token: str) -> None:
    with server.client() as browser:
        answer = browser.get(f"/login?token={token}")
        assert answer.status_code in (400, 404, 414)
        assert "quickedit" not in browser.cookies


def test_of_many_simultaneous_uses_of_a_link_one_wins(server: Server) -> None:
    path = local(links.create().url)

    def use(_: int) -> int:
        with server.client() as browser:
            return browser.get(path).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(use, range(6)))
    assert statuses == [302, 410, 410, 410, 410, 410]


def test_looking_with_HEAD_does_not_use_a_link_up(server: Server) -> None:
    path = local(links.create().url)
    with server.client() as browser:
        assert browser.head(path).status_code == 200
        assert browser.get(path).status_code == 302


def test_only_the_hash_of_a_token_is_kept() -> None:
    url = links.create().url
    token = url.partition("token=")[2]
    assert not LoginLink.objects.filter(token_hash__contains=token).exists()


@pytest.mark.parametrize("next_", ["/workers/x/edit", "/?a=b"])
def test_signing_in_goes_on_to_a_path_of_this_site(server: Server, next_: str) -> None:
    with server.client() as browser:
        answer = browser.get(local(links.create().url), params={"token": token(links.create().url), "next": next_})
        assert answer.headers["location"] == next_


@pytest.mark.parametrize(
    "next_",
    ["https://evil.test/", "//evil.test", "/\\evil.test", "///evil.test", "javascript:alert(1)", "\t//evil.test", ""],
)
def test_O12_no_open_redirect_after_signing_in(server: Server, next_: str) -> None:
    with server.client() as browser:
        answer = browser.get("/login", params={"token": token(links.create().url), "next": next_})
        assert (answer.status_code, answer.headers["location"]) == (302, "/")


def token(url: str) -> str:
    return url.partition("token=")[2]


def test_answers_of_the_login_page_forbid_referrers(server: Server) -> None:
    with server.client() as browser:
        for answer in (browser.get("/login"), browser.get("/login?token=no"), browser.get(local(links.create().url))):
            assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_session_cookie_is_for_this_host_alone(owner: Person, server: Server) -> None:
    with server.client() as browser:
        set_cookie = browser.get(local(links.create(owner.user).url)).headers.get_list("set-cookie")
    session = next(line for line in set_cookie if line.startswith("quickedit="))
    assert "HttpOnly" in session
    assert "SameSite=Lax" in session
    assert "domain" not in session.lower()


def test_signing_out_needs_proof_and_ends_the_session(owner: Person) -> None:
    old = dict(owner.browser.cookies)
    assert owner.browser.post("/logout").status_code == 403
    answer = owner.browser.post("/logout", data={"csrfmiddlewaretoken": owner.csrf})
    assert (answer.status_code, answer.headers["location"]) == (302, "/login")
    with owner.server.client() as thief:
        thief.cookies.update(old)
        assert thief.get("/").status_code == 302


@pytest.mark.parametrize("path", ["/", "/workers/x/edit", "/workers/x/deployments", "/workers/x/settings"])
def test_every_page_needs_a_session(server: Server, path: str) -> None:
    with server.client() as browser:
        assert browser.get(path).headers["location"].startswith("/login")


@pytest.mark.parametrize("path", ["workers", "workers/x", "workers/x/snapshot", "workers/x/changes", "names/x"])
def test_every_API_call_needs_a_session(server: Server, path: str) -> None:
    with server.client() as browser:
        answer = browser.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not-signed-in")


def test_a_page_gives_its_script_a_CSRF_token(owner: Person) -> None:
    assert len(page_data(owner.browser.get("/"))["csrfToken"]) == 64
