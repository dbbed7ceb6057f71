"""Which headers pass to a worker and back, and how they change on the way."""

from __future__ import annotations

import pytest

from preview.outside import policy

ORIGIN = "http://localhost:8000"


def preview(*headers: tuple[bytes, bytes], origin: str = ORIGIN) -> list[tuple[bytes, bytes]]:
    return policy.preview_headers(list(headers), editor_origin=origin, revision=7, timing="worker;dur=1.00")


def test_hop_by_hop_headers_and_those_that_connection_names_stop_at_the_front() -> None:
    headers = [
        (b"connection", b"Upgrade, X-Private"), (b"upgrade", b"websocket"), (b"x-private", b"1"), (b"te", b"trailers"),
        (b"transfer-encoding", b"chunked"), (b"accept", b"*/*"),
    ]  # fmt: skip
    assert policy.request_headers(headers) == [["accept", "*/*"]]


def test_O8_the_session_cookie_never_reaches_user_code() -> None:
    cookie = (
        b"a=1; __Host-quickedit=secret; quickedit=secret; quickedit-csrf=secret;sessionid=secret; b=2; xquickedit=3"
    )
    assert policy.request_headers([(b"cookie", cookie)]) == [["cookie", "a=1; b=2; xquickedit=3"]]
    assert policy.request_headers([(b"cookie", b"__Host-quickedit=secret")]) == []


def test_a_worker_cannot_set_cookies_for_its_siblings() -> None:
    headers = policy.response_headers(
        [("Set-Cookie", "a=1; Domain=localhost; Path=/"), ("SET-COOKIE", "b=2;domain=.x")]
    )
    assert headers == [(b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2")]


@pytest.mark.parametrize(
    ("theirs", "left"),
    [
        (b"frame-ancestors 'none'", None),
        (b"default-src 'self'; Frame-Ancestors 'none'; img-src *", b"default-src 'self'; img-src *"),
        (b"frame-ancestors 'self', default-src 'none'", b"default-src 'none'"),
    ],
)
def test_O13_a_workers_own_framing_rules_do_not_break_its_preview_pane(theirs: bytes, left: bytes | None) -> None:
    headers = preview((b"x-frame-options", b"DENY"), (b"content-security-policy", theirs))
    policies = [value for name, value in headers if name == b"content-security-policy"]
    assert policies == ([left] if left else []) + [b"frame-ancestors http://localhost:8000"]
    assert not any(name == b"x-frame-options" for name, _ in headers)


@pytest.mark.parametrize("origin", ["", "*", "http://a.b;script-src *", "javascript:alert(1)", "http://a\r\nx: y"])
def test_O13_nobody_may_frame_a_preview_without_an_exact_editor_origin(origin: str) -> None:
    assert (b"content-security-policy", b"frame-ancestors 'none'") in preview(origin=origin)


@pytest.mark.parametrize(
    ("cookie", "rewritten"),
    [
        (b"a=1", b"a=1; SameSite=None; Secure; Partitioned"),
        (b"a=1; Path=/; HttpOnly; SameSite=Lax", b"a=1; Path=/; HttpOnly; SameSite=None; Secure; Partitioned"),
        (b"a=1;secure;samesite = strict ; Partitioned", b"a=1; SameSite=None; Secure; Partitioned"),
        (b"secure=1; Secure", b"secure=1; SameSite=None; Secure; Partitioned"),
    ],
)
def test_a_previews_cookies_work_inside_the_pane(cookie: bytes, rewritten: bytes) -> None:
    assert (b"set-cookie", rewritten) in preview((b"set-cookie", cookie))


def test_a_preview_is_not_cached_and_its_address_does_not_leak_unless_the_worker_is_stricter() -> None:
    headers = dict(preview((b"referrer-policy", b"unsafe-url")))
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"referrer-policy"] == b"same-origin"
    assert headers[b"x-quickedit-revision"] == b"7" and headers[b"server-timing"] == b"worker;dur=1.00"
    headers = dict(preview((b"cache-control", b"max-age=5"), (b"referrer-policy", b"no-referrer")))
    assert (headers[b"cache-control"], headers[b"referrer-policy"]) == (b"max-age=5", b"no-referrer")
