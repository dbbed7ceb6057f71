"""The edge of the HTTP API: who asks, what was sent, and how answers and errors look. Every API view goes through
``endpoint``.

Views get decoded, typed input and return plain data; the one error handler is here. CSRF is enforced by Django's
middleware for every method that changes something (O9).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError

from quickedit.accounts.people import signed_in
from quickedit.errors import BadInput, QuickEditError, TooLarge
from quickedit.threads import DATABASE_AWAY, in_database
from quickedit.workers.access import Access, access

MAX_JSON = 2 * 1024 * 1024
"""Bytes of a JSON body; larger content travels as blobs."""

T = TypeVar("T")
View = Callable[..., Coroutine[Any, Any, HttpResponse]]
_log = logging.getLogger(__name__)


class Body(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The base of what requests carry: strict, frozen."""


def answer(data: Any, status: int = 200) -> HttpResponse:
    """Plain data as JSON."""
    return HttpResponse(msgspec.json.encode(data), content_type="application/json", status=status)


def error_answer(error: QuickEditError) -> HttpResponse:
    """An error as ``{"error": {"code", "message", "hint"}}`` with its HTTP status."""
    return answer({"error": {"code": error.code, "message": error.message, "hint": error.hint}}, error.status)


def decode(request: HttpRequest, kind: type[T]) -> T:
    """The JSON body. Raises BadInput, which names the field, and TooLarge."""
    data = body(request, MAX_JSON)
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"The request's JSON is not as expected: {error}.", code="bad-json") from error


def body(request: HttpRequest, limit: int) -> bytes:
    """The raw body, at most so many bytes. Raises TooLarge and BadInput."""
    try:
        data = request.body
    except RequestDataTooBig as error:
        raise TooLarge(f"A request may have {limit} bytes.") from error
    except (UnreadablePostError, RawPostDataException) as error:
        raise BadInput("The request did not arrive whole.") from error
    if len(data) > limit:
        raise TooLarge(f"A request here may have {limit} bytes; this one has {len(data)}.")
    return data


async def user_id(request: HttpRequest) -> int:
    """The signed-in person. Raises NotSignedIn."""
    return await in_database(_user_id, request)


async def access_to(request: HttpRequest, name: str) -> Access:
    """The signed-in person's access to the worker of that name. Raises NotSignedIn, and NotFound for outsiders."""
    return await in_database(_access_to, request, name)


def _user_id(request: HttpRequest) -> int:
    return signed_in(request).pk


def _access_to(request: HttpRequest, name: str) -> Access:
    return access(signed_in(request).pk, name)


def endpoint(**methods: View) -> View:
    """One URL: a view for each method, named in lower case (``get=…, post=…``)."""
    allowed = ", ".join(sorted(method.upper() for method in methods))

    async def view(request: HttpRequest, **arguments: Any) -> HttpResponse:
        handler = methods.get((request.method or "").lower())
        if handler is None:
            refused = error_answer(_NotAllowed(f"Use {allowed} here."))
            refused["Allow"] = allowed
            return refused
        try:
            return await handler(request, **arguments)
        except QuickEditError as error:
            return error_answer(error)
        except DATABASE_AWAY:
            raise  # the middleware answers, as it does for pages
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            return error_answer(QuickEditError("Something of ours went wrong.", hint="Try again in a moment."))

    return view


class _NotAllowed(QuickEditError):
    status, default_code = 405, "method-not-allowed"
