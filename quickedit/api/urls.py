"""The paths of the HTTP API, below ``/api/v1/``."""

from __future__ import annotations

from django.urls import path

from quickedit.api import archives, data, deployments, drafts, history, members, migrations, workers
from quickedit.api.http import endpoint

_worker = "workers/<str:name>"

urlpatterns = [
    path("workers", endpoint(get=workers.index, post=workers.create)),
    path("workers/import", endpoint(post=archives.create)),
    path("workers/restore", endpoint(post=workers.restore)),
    path("names/<str:name>", endpoint(get=workers.free_name)),
    path(_worker, endpoint(get=workers.detail, patch=workers.rename, delete=workers.delete)),
    path(f"{_worker}/duplicate", endpoint(post=workers.duplicate)),
    path(f"{_worker}/variables", endpoint(get=workers.variables, put=workers.put_variables)),
    path(f"{_worker}/members", endpoint(get=members.index, post=members.add)),
    path(f"{_worker}/members/<int:person>", endpoint(patch=members.set_role, delete=members.remove)),
    path(f"{_worker}/invites", endpoint(post=members.invite)),
    path(f"{_worker}/invites/<int:invitation>", endpoint(delete=members.withdraw)),
    path(f"{_worker}/history", endpoint(get=history.timeline_page)),
    path(f"{_worker}/history/live", endpoint(get=history.live)),
    path(f"{_worker}/history/<int:revision>", endpoint(get=history.tree)),
    path(f"{_worker}/history/<int:revision>/files/<str:file>", endpoint(get=history.file)),
    path(f"{_worker}/restore", endpoint(post=history.restore)),
    path(f"{_worker}/archive", endpoint(get=archives.download, post=archives.upload)),
    path(f"{_worker}/snapshot", endpoint(get=drafts.snapshot)),
    path(f"{_worker}/blobs/<str:digest>", endpoint(get=drafts.get_blob, put=drafts.put_blob)),
    path(f"{_worker}/data", endpoint(get=data.index)),
    path(f"{_worker}/data/<str:binding>", endpoint(post=data.ask)),
    path(f"{_worker}/migrations", endpoint(get=migrations.state, post=migrations.apply)),
    path(f"{_worker}/data-reset", endpoint(post=data.reset)),
    path(f"{_worker}/trigger", endpoint(post=data.trigger)),
    path(f"{_worker}/requests", endpoint(post=drafts.ask)),
    path(f"{_worker}/changes", endpoint(get=deployments.draft_changes)),
    path(f"{_worker}/checks", endpoint(post=deployments.draft_checks)),
    path(f"{_worker}/deployments", endpoint(get=deployments.deployments, post=deployments.deploy)),
    path(f"{_worker}/rollback", endpoint(post=deployments.rollback)),
    path(f"{_worker}/versions/<int:number>/files", endpoint(get=deployments.version_files)),
]
