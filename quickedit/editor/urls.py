"""The path of the editor's page."""

from __future__ import annotations

from django.urls import path

from quickedit.editor import views

urlpatterns = [path("workers/<str:name>/edit", views.edit, name="edit")]
