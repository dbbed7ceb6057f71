"""The pages around the editor: the list of workers, a worker's deployments and its settings.

Server-rendered, synchronous; what changes goes through the HTTP API. An outsider gets the same 404 as for no worker at
all.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from preview import bundle
from quickedit.accounts.people import name_of, signed_in
from quickedit.dashboard import listing
from quickedit.dashboard.context import page_data
from quickedit.deployments import bundles, changes, history
from quickedit.deployments.models import Deployment
from quickedit.errors import QuickEditError
from quickedit.workers import members
from quickedit.workers.access import Access, access
from quickedit.workers.models import Role
from quickedit.workers.names import RESERVED
from quickedit.workspaces import store

COUNTED = 20
"""Deployments for which the page counts changed lines; older ones only name their version."""


def suffix() -> str:
    """What follows a worker's name in its address."""
    return f".{settings.WORKERS_DOMAIN}"


def _access(request: HttpRequest, name: str) -> Access:
    try:
        return access(signed_in(request).pk, name)
    except QuickEditError as error:
        raise Http404(error.message) from error


def _naming(request: HttpRequest) -> dict[str, Any]:
    """What the script needs to judge a name while it is typed."""
    return {"names": listing.names(signed_in(request).pk), "suffix": suffix(), "reserved": sorted(RESERVED)}


def _about(found: Access) -> dict[str, Any]:
    """What every page of one worker shows in its bar."""
    name = found.worker.name
    live = history.live_of(found.worker.pk)
    return {
        "worker": {"id": found.worker.pk, "name": name, "created_at": found.worker.created_at},
        "url": history.url_of(name),
        "host": f"{name}{suffix()}",
        "suffix": suffix(),
        "role": found.role.value,
        "live": None if live is None else {"version": live.version, "url": live.url, "at": live.at},
    }


@require_safe
@login_required
def index(request: HttpRequest) -> HttpResponse:
    """The workers of the signed-in person, last edited first; the first run where there is none."""
    context = {
        "workers": listing.rows(signed_in(request).pk),
        "suffix": suffix(),
        "page_data": page_data(request, **_naming(request), ahead=f"{settings.EDITOR_ORIGIN}/ahead.html"),
    }
    return render(request, "dashboard/index.html", context)


@require_safe
@login_required
def deployments(request: HttpRequest, name: str) -> HttpResponse:
    """What is live and what was."""
    found = _access(request, name)
    about = _about(found)
    live = about["live"]
    more = {
        "name": name,
        "live": None if live is None else {"version": live["version"]},
        "nextVersion": history.next_number(found.worker.pk),
    }
    context = {**about, "deployments": _history(found.worker.pk), "page_data": page_data(request, **more)}
    return render(request, "dashboard/deployments.html", context)


def _history(worker_id: int) -> list[dict[str, Any]]:
    rows = history.all_of(worker_id)
    return [_deployment(row, rows[index + 1 : index + 2], index) for index, row in enumerate(rows)]


def _deployment(row: Deployment, before: list[Deployment], index: int) -> dict[str, Any]:
    found: list[changes.Change] = []
    counted = index < COUNTED
    if counted:
        try:
            old = bundles.load(before[0].version.digest) if before else {}
            found = changes.compare(old, bundles.load(row.version.digest))
        except QuickEditError:
            counted = False
    original = row.version.content_of
    return {
        "version": row.version.number,
        "message": "" if original else row.message,
        "reason": row.message if original else "",
        "rollback_of": original.number if original else None,
        "by": name_of(row.by),
        "at": row.at,
        "is_live": index == 0,
        "modules": [change.path for change in found],
        "plus": sum(change.plus for change in found) if counted else None,
        "minus": sum(change.minus for change in found) if counted else None,
    }


@require_safe
@login_required
def worker_settings(request: HttpRequest, name: str) -> HttpResponse:
    """Name, variables, limits, and the way to delete the worker."""
    found = _access(request, name)
    worker_id, variables = found.worker.pk, found.worker.variables
    live = history.live_of(worker_id)
    live_values = dict(live.variables) if live else {}
    more = {"name": name, "variables": variables, **_naming(request)}
    context = {
        **_about(found),
        "variables": [
            {"name": key, "value": value, "live_value": live_values.get(key)}
            for key, value in sorted(variables.items())
        ],
        "from_config": _configured(worker_id, variables),
        "limits": listing.limits(),
        **_members(found),
        "page_data": page_data(request, **more),
    }
    return render(request, "dashboard/settings.html", context)


ROLE_LABELS = {Role.OWNER.value: "Owner", Role.EDITOR.value: "Can edit", Role.VIEWER.value: "Can view"}


def _members(found: Access) -> dict[str, Any]:
    """Who may do what here; open invitations are for owners only."""
    people = [
        {
            "id": row.user_id,
            "name": name_of(row.user),
            "role": row.role,
            "label": ROLE_LABELS[row.role],
            "you": row.user_id == found.user_id,
        }
        for row in members.listed(found.worker.pk)
    ]
    invites = members.invitations(found.worker.pk) if found.role is Role.OWNER else []
    shown = [{"id": row.pk, "label": ROLE_LABELS[row.role], "until": row.until} for row in invites]
    return {"members": people, "invites": shown, "roles": list(ROLE_LABELS.items())}


def _configured(worker_id: int, overridden: dict[str, str]) -> list[dict[str, str]]:
    """The variables of the draft's configuration file that nothing set here replaces."""
    try:
        config = bundle.read_config(store.export(worker_id))
    except bundle.ConfigError:
        return []
    return [{"name": key, "value": value} for key, value in sorted(config.variables.items()) if key not in overridden]
