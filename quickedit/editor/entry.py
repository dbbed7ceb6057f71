"""Who is at the door of the bridge: session cookie → person → membership, in one visit to the database."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from types import SimpleNamespace
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest

from quickedit.accounts.people import name_of
from quickedit.errors import NotSignedIn
from quickedit.wire import messages as wire
from quickedit.workers.access import Access, access


def session_cookie(headers: list[tuple[bytes, bytes]]) -> str:
    """The session's key as the browser sent it, "" where it did not."""
    for name, value in headers:
        if name == b"cookie":
            cookie: SimpleCookie = SimpleCookie()
            try:
                cookie.load(value.decode("latin-1"))
            except CookieError:
                return ""
            morsel = cookie.get(settings.SESSION_COOKIE_NAME)
            return morsel.value if morsel else ""
    return ""


def admit(session_key: str, worker_name: str) -> tuple[wire.Person, Access]:
    """The person and their access. Raises NotSignedIn, and NotFound for outsiders. Synchronous, reads the database."""
    request: Any = SimpleNamespace(session=SessionStore(session_key or None))
    user = get_user(cast(HttpRequest, request)) if session_key else None
    if user is None or not user.is_authenticated or not user.is_active:
        raise NotSignedIn("Sign in first.", hint="Your edits are kept in this browser.")
    return wire.Person(id=user.pk, name=name_of(user)), access(user.pk, worker_name)
