"""D1 migrations of a bundle: what the configuration may say of them, and which files they are, in which order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from preview import migrations
from preview.bundle import Binding, ConfigError, read_config


def binding(options: dict[str, Any], path: str = "wrangler.jsonc") -> Binding:
    text = json.dumps({"d1_databases": [{"binding": "DB", "database_name": "main", **options}]}, indent=1)
    found = read_config({path: text.encode(), "main.py": b""}).binding("d1", "DB")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("written", "directory"),
    [
        ({}, "migrations"),
        ({"migrations_dir": "./migrations"}, "migrations"),
        ({"migrations_dir": "db/sql//"}, "db/sql"),
        ({"migrations_dir": "db/../sql/"}, "sql"),
        ({"migrations_dir": "./"}, ""),
        ({"migrations_dir": "..sql"}, "..sql"),
    ],
)
def test_the_folder_is_relative_to_the_configuration_with_or_without_slashes(
    written: dict[str, Any], directory: str
) -> None:
    assert binding(written).options["migrations_dir"] == directory
    assert binding(written, "quickedit.json").options["migrations_dir"] == directory


def test_the_table_is_wranglers_or_the_one_that_is_named() -> None:
    assert binding({}).options["migrations_table"] == "d1_migrations"
    assert binding({"migrations_table": "Done_2"}).options["migrations_table"] == "Done_2"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"migrations_dir": "../shared"}, "not within the worker"),
        ({"migrations_dir": "a/../../shared"}, "not within the worker"),
        ({"migrations_dir": ".."}, "not within the worker"),
        ({"migrations_dir": "/etc"}, "not within the worker"),
        ({"migrations_dir": "..\\shared"}, "not within the worker"),
        ({"migrations_dir": 5}, "must be text"),
        ({"migrations_table": 'x"; DROP TABLE t; --'}, "cannot be a table's name"),
        ({"migrations_table": "two words"}, "cannot be a table's name"),
        ({"migrations_table": "1st"}, "cannot be a table's name"),
        ({"migrations_table": "SQLite_mine"}, "cannot be a table's name"),
        ({"migrations_table": "x" * 65}, "cannot be a table's name"),
        ({"migrations_table": "été"}, "cannot be a table's name"),
        ({"migrations_table": ["t"]}, "must be text"),
    ],
)
def test_a_folder_outside_or_a_table_that_is_no_identifier_is_an_error_with_its_line(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        binding(options)
    assert words in caught.value.message and caught.value.line == 6


def test_the_error_is_at_the_entry_that_has_it() -> None:
    text = """{"d1_databases": [
  {"binding": "A", "migrations_table": "fine"},
  {"binding": "B", "migrations_table": "not fine"}
]}"""
    with pytest.raises(ConfigError) as caught:
        read_config({"wrangler.jsonc": text.encode(), "main.py": b""})
    assert caught.value.line == 3


def test_migrations_are_the_folders_own_sql_files_by_number_and_then_by_name() -> None:
    paths = [
        "migrations/10_b.sql", "migrations/9_a.sql", "migrations/0001_init.sql", "migrations/0001_a.sql",
        "migrations/seed.sql", "migrations/20240101000000_x.sql", "migrations/notes.md", "migrations/old/0001_x.sql",
        "other/0002_x.sql", "0003_root.sql", "migrations.sql", "migrations/0004.SQL",
    ]  # fmt: skip
    assert migrations.names(paths, "migrations") == [
        "0001_a.sql", "0001_init.sql", "9_a.sql", "10_b.sql", "20240101000000_x.sql", "seed.sql",
    ]  # fmt: skip
    assert migrations.names(paths, "") == ["0003_root.sql", "migrations.sql"]
    assert (
        migrations.path_of("migrations", "a.sql") == "migrations/a.sql" and migrations.path_of("", "a.sql") == "a.sql"
    )
