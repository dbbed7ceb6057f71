"""What people see when a request fails outside any view: the handlers named by the settings and the root URL
configuration.

Pages get a page that says the next step, the HTTP API gets its JSON error; neither ever shows a traceback.
"""

from __future__ import annotations

import logging

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from quickedit.threads import database_away

_log = logging.getLogger(__name__)


def _answer(request: HttpRequest, status: int, template: str, code: str, message: str, hint: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"error": {"code": code, "message": message, "hint": hint}}, status=status)
    return render(request, template, {"message": message, "hint": hint}, status=status)


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A change without proof that it came from our own page (O9)."""
    _log.info("refused %s %s: %s", request.method, request.path, reason)
    hint = "Reload the page and try again."
    return _answer(
        request, 403, "403_csrf.html", "csrf", "This request did not prove that it came from this site.", hint
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    return _answer(request, 400, "400.html", "bad-input", "This request could not be understood.", "")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    return _answer(request, 403, "403.html", "forbidden", "You cannot do that here.", "")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404; also what an outsider sees of somebody else's worker."""
    return _answer(request, 404, "404.html", "not-found", "There is nothing at this address.", "Go to your workers.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500. The traceback is in the server's log only."""
    hint = "Nothing you edited is lost. Try again in a moment."
    return _answer(request, 500, "500.html", "internal", "Something of ours went wrong.", hint)


def without_database(request: HttpRequest, exception: Exception) -> HttpResponse:
    """For a database that is away: a page or answer that does not ask it who is signed in."""
    _log.error("%s %s: the database does not answer: %s", request.method, request.path, exception)
    request.user = AnonymousUser()
    error = database_away()
    return _answer(request, error.status, "503.html", error.code, error.message, error.hint)
