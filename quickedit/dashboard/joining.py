"""The page behind an invitation's link: it says to what and by whom, and joins on a click. Somebody new says a name first.

Opening the link changes nothing, so that a mail scanner or a link preview does not use it up.
"""

from __future__ import annotations

from typing import Any

from django.contrib import auth
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from quickedit.accounts.people import name_of
from quickedit.errors import QuickEditError
from quickedit.workers import members

_BACKEND = "django.contrib.auth.backends.ModelBackend"


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """GET shows the invitation, POST accepts it. The token stands in the address, so no referrer with more than the
    origin is ever sent."""
    token = request.GET.get("token", "") or request.POST.get("token", "")
    error: QuickEditError | None = None
    if request.method == "POST":
        try:
            return _without_address(_accept(request, token))
        except QuickEditError as refused:
            error = refused
    try:
        found = members.invitation(token)
    except QuickEditError as refused:
        why = {"message": refused.message, "hint": refused.hint}
        return _without_address(render(request, "404.html", why, status=404))
    context: dict[str, Any] = {
        "worker": found.worker.name,
        "role": found.role,
        "by": name_of(found.by),
        "me": name_of(request.user) if isinstance(request.user, User) else "",
        "known": isinstance(request.user, User),
        "token": token,
        "error": f"{error.message} {error.hint}".strip() if error else "",
    }
    return _without_address(render(request, "dashboard/join.html", context, status=error.status if error else 200))


def _accept(request: HttpRequest, token: str) -> HttpResponse:
    if isinstance(request.user, User):
        worker = members.accept(token, request.user.pk)
    else:
        with transaction.atomic():
            person = members.new_person(request.POST.get("name", ""))
            worker = members.accept(token, person.pk)
        auth.login(request, person, backend=_BACKEND)
    return HttpResponseRedirect(f"/workers/{worker.name}/edit")


def _without_address(response: HttpResponse) -> HttpResponse:
    # Not “no-referrer”: a browser then sends the form with “Origin: null”, which no check against forgery can accept.
    response["Referrer-Policy"] = "strict-origin"
    return response
