"""The paths of the control plane. Composition only: each app knows its own views."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

handler400 = "quickedit.failures.bad_request"
handler403 = "quickedit.failures.forbidden"
handler404 = "quickedit.failures.not_found"
handler500 = "quickedit.failures.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("quickedit.dashboard.urls")),
    path("", include("quickedit.editor.urls")),
    path("", include("quickedit.accounts.urls")),
    path("api/v1/", include("quickedit.api.urls")),
]
