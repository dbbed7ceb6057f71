"""Brings the database up to date before anything uses it. Only ``up`` and ``login-link`` call this, before they fork or serve."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder

from quickedit.cli.failure import CommandFailed


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """A database that cannot be used becomes one sentence; no connection stays open."""
    try:
        yield
    except Exception as error:
        raise CommandFailed(f"The database cannot be brought up to date: {error}") from error
    finally:
        connections.close_all()


def behind() -> bool:
    """Whether the database lacks a migration. Comparing names is enough to know that nothing is to be done, and takes 2 ms;
    Django's own planner imports every migration of every app. Raises CommandFailed."""
    with _in_words():
        return not _known() <= set(MigrationRecorder(connection).applied_migrations())


def migrate() -> None:
    """Applies what is missing. Raises CommandFailed."""
    with _in_words():
        call_command("migrate", verbosity=0, interactive=False)


def _known() -> set[tuple[str, str]]:
    """Every migration of every installed app, as (app, name)."""
    return {
        (app.label, file.stem)
        for app in apps.get_app_configs()
        for file in (Path(app.path) / "migrations").glob("[0-9]*.py")
    }
