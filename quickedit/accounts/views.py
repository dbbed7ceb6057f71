"""Signing in with a one-time link, and signing out.

A link is consumed by GET, as it is opened from a terminal or a mail, but never by HEAD. Every answer here forbids
referrers, so that the token in the address reaches nobody else. Redirects go to paths of this site only (O12).
"""

from __future__ import annotations

from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from quickedit.accounts import links

_BACKEND = "django.contrib.auth.backends.ModelBackend"


def _next(request: HttpRequest) -> str:
    """Where to go after signing in: a path of this site, else the dashboard."""
    wanted = request.GET.get("next", "")
    local = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if local and wanted.isprintable() else "/"


def _without_referrer(response: HttpResponse) -> HttpResponse:
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_safe
def login(request: HttpRequest) -> HttpResponse:
    """The login page; with ``?token=`` it signs in and goes on, or says why that link no longer works."""
    token = request.GET.get("token", "").strip()
    if token and request.method == "GET":
        try:
            user = links.consume(token)
        except links.LinkRefused as refused:
            why = {"reason": refused.reason, "at": refused.at}
            status = 404 if refused.reason == "unknown" else 410
            return _without_referrer(render(request, "accounts/login_expired.html", why, status=status))
        auth.login(request, user, backend=_BACKEND)
        return _without_referrer(HttpResponseRedirect(_next(request)))
    if request.user.is_authenticated:
        return _without_referrer(HttpResponseRedirect(_next(request)))
    context = {"next": _next(request), "host": request.get_host(), "error": ""}
    return _without_referrer(render(request, "accounts/login.html", context))


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Ends the session; whoever listens to ``user_logged_out`` ends what hangs on it (previews, open sockets)."""
    auth.logout(request)
    return _without_referrer(HttpResponseRedirect("/login"))
