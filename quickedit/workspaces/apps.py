"""Registers the app with Django. Nothing runs at start-up."""

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "quickedit.workspaces"
    label = "workspaces"
