"""The editor's page: the host page around the workbench. It fills the template and the data of its script, and no
more.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.views.decorators.http import require_safe

from quickedit.accounts.people import name_of, signed_in
from quickedit.deployments import history
from quickedit.errors import QuickEditError
from quickedit.workers.access import access


@require_safe
@login_required
def edit(request: HttpRequest, name: str) -> HttpResponse:
    """One worker in the workbench, with its preview beside it."""
    user = signed_in(request)
    try:
        found = access(user.pk, name)
    except QuickEditError as error:
        raise Http404(error.message) from error
    worker = found.worker
    live = history.live_of(worker.pk)
    theme = request.COOKIES.get("theme", "")
    theme = theme if theme in ("light", "dark") else "system"
    data = {
        "worker": worker.pk,
        "name": worker.name,
        "role": found.role.value,
        "socket": f"/ws/workers/{worker.name}",
        "editorOrigin": settings.EDITOR_ORIGIN,
        "publicOrigin": settings.PUBLIC_ORIGIN,
        "apiBase": "/api/v1",
        "csrfToken": get_token(request),
        "theme": theme,
        "live": None if live is None else {"version": live.version, "url": live.url, "revision": live.revision},
        "me": {"id": user.pk, "name": name_of(user)},
        "liveUrl": history.url_of(worker.name),
        "workersDomain": settings.WORKERS_DOMAIN,
        "nextVersion": history.next_number(worker.pk),
    }
    context = {
        "worker": {"id": worker.pk, "name": worker.name},
        "live": None if live is None else {"version": live.version, "url": live.url},
        "editor_origin": settings.EDITOR_ORIGIN,
        "public_origin": settings.PUBLIC_ORIGIN,
        "compiled": request.COOKIES.get("editor", ""),
        "page_data": data,
    }
    return render(request, "editor/edit.html", context)
