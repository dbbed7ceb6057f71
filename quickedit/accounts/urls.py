"""The paths of signing in and out."""

from __future__ import annotations

from django.urls import path

from quickedit.accounts import views

urlpatterns = [
    path("login", views.login, name="login"),
    path("logout", views.logout, name="logout"),
]
