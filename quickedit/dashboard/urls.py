"""The paths of the dashboard's pages."""

from __future__ import annotations

from django.urls import path

from quickedit.dashboard import joining, views

urlpatterns = [
    path("", views.index, name="index"),
    path("join", joining.join, name="join"),
    path("workers/<str:name>/deployments", views.deployments, name="deployments"),
    path("workers/<str:name>/settings", views.worker_settings, name="settings"),
]
