"""Django's own middleware, run in the event loop where it does not block.

Django runs each step of a synchronous middleware in a thread of the request, ten hops for a small answer. What these three do
is arithmetic on headers and cookies; what touches the database (a changed session, a refused form) keeps its thread. The
checks themselves are Django's, unchanged.
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import connections
from django.http import HttpRequest, HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware

from quickedit import failures
from quickedit.threads import DATABASE_AWAY


class Common(CommonMiddleware):
    """Content-Length, no disallowed user agents, and a page of its own where the database is away."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.process_request(request) or await _next(self, request)
        return self.process_response(request, response)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        return failures.without_database(request, exception) if isinstance(exception, DATABASE_AWAY) else None


class Session(SessionMiddleware):
    """The session, loaded when it is looked at; saved in a thread where it changed."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        self.process_request(request)
        response = await _next(self, request)
        if request.session.modified:
            return await sync_to_async(self._save, thread_sensitive=True)(request, response)
        return self.process_response(request, response)

    def _save(self, request: HttpRequest, response: Any) -> HttpResponseBase:
        return self.process_response(request, response)


class Csrf(CsrfViewMiddleware):
    """Proof that a change comes from our own page (O9)."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        self.process_request(request)
        response = await _next(self, request)
        return self.process_response(request, response)

    async def process_view(self, request: HttpRequest, *arguments: Any) -> Any:  # type: ignore[override]
        check = super().process_view
        if request.method in ("GET", "HEAD"):
            return check(request, *arguments)
        # In a thread: it may read a form, and a refusal renders a page, which looks up who asks.
        return await sync_to_async(check, thread_sensitive=True)(request, *arguments)


class Authentication(AuthenticationMiddleware):
    """``request.user``, looked up when it is looked at."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        self.process_request(request)
        response: HttpResponseBase = await _next(self, request)
        return response


async def _next(middleware: Any, request: HttpRequest) -> Any:
    return await middleware.get_response(request)


def close_connections(**_: object) -> None:
    """Receiver of ``request_finished``, in the request's own thread: that thread ends, and its connection with it."""
    connections.close_all()
