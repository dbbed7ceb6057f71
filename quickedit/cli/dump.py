"""The rows of every table as lines of JSON, and back: what a backup holds of the database, whichever one it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby, islice
from typing import IO, Any

from django.apps import apps
from django.contrib.auth.models import User
from django.core.management.color import no_style
from django.db import Error, connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Field, Model

from quickedit.cli.failure import CommandFailed
from quickedit.workers.models import Worker

BATCH = 500
"""Rows that are written at once."""


def models() -> list[type[Model]]:
    """Ours, people, and who is signed in. What Django makes by itself at every migration is not among them."""
    found = [
        model
        for model in apps.get_models()
        if model is User or model.__module__.startswith("quickedit.") or model._meta.label == "sessions.Session"
    ]
    return sorted(found, key=lambda model: model._meta.label)


def migrations() -> list[list[str]]:
    """What the database's tables look like: the names of all migrations."""
    return sorted([app, name] for app, name in MigrationRecorder(connection).applied_migrations())


def holds_anything() -> bool:
    """Whether anybody or any worker is there."""
    return User.objects.exists() or Worker.objects.exists()


def write(stream: IO[bytes]) -> int:
    """Writes all rows as of one moment, while others go on writing; returns how many. Raises CommandFailed."""
    count = 0
    try:
        with _one_moment():
            for model in models():
                for row in model._base_manager.order_by("pk").iterator(BATCH):
                    values = {field.attname: _plain(field, row) for field in _fields(model)}
                    stream.write(json.dumps([model._meta.label, values], ensure_ascii=False).encode() + b"\n")
                    count += 1
    except Error as error:
        raise CommandFailed(f"The database cannot be read: {error}") from error
    return count


def read(stream: IO[bytes], expected: int) -> int:
    """Writes the rows into the empty database, all or none. Raises CommandFailed."""
    count = 0
    by_label = {model._meta.label: model for model in models()}
    try:
        with transaction.atomic():
            for label, rows in groupby(map(json.loads, stream), key=lambda row: str(row[0])):
                count += _insert(by_label[label], (values for _, values in rows))
            if count != expected:
                raise CommandFailed(f"The backup is cut off: {count} of {expected} rows.")
            with connection.cursor() as cursor:
                for statement in connection.ops.sequence_reset_sql(no_style(), models()):
                    cursor.execute(statement)
    except Error as error:
        raise CommandFailed(f"The rows do not fit: {error}") from error
    return count


def _fields(model: type[Model]) -> list[Field[Any, Any]]:
    return list(model._meta.concrete_fields)


def _plain(field: Field[Any, Any], row: Model) -> Any:
    return None if field.value_from_object(row) is None else field.value_to_string(row)


def _insert(model: type[Model], rows: Iterator[dict[str, Any]]) -> int:
    """By statements of our own: Django's would set the times of creation to now."""
    quote, fields, count = connection.ops.quote_name, _fields(model), 0
    columns = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({marks})"
    with connection.cursor() as cursor:
        while batch := list(islice(rows, BATCH)):
            cursor.executemany(statement, [[_stored(field, row[field.attname]) for field in fields] for row in batch])
            count += len(batch)
    return count


def _stored(field: Field[Any, Any], value: Any) -> Any:
    return None if value is None else field.get_db_prep_save(field.to_python(value), connection)


@contextmanager
def _one_moment() -> Iterator[None]:
    """A reading transaction: SQLite's write lock stays free, PostgreSQL shows one snapshot."""
    begin = "BEGIN" if connection.vendor == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
    with connection.cursor() as cursor:
        cursor.execute(begin)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("COMMIT")
