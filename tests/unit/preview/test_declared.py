"""What a configuration declares beside its modules, in Wrangler's words, and mistakes in it with their line."""

from __future__ import annotations

import json

import pytest

from preview import declared
from preview.bundle import Config, ConfigError, read_config
from preview.declared import Assets, Binding, Consumer

MAIN = {"src/entry.py": b""}
FULL = """{
  // a worker with everything
  "name": "shop",
  "main": "src/entry.py",
  "compatibility_date": "2025-11-02",
  "compatibility_flags": ["python_workers"],
  "vars": {"GREETING": "hi", "LIMIT": 3},
  "kv_namespaces": [{"binding": "CACHE", "id": "abc"}, {"binding": "PLAIN"}],
  "d1_databases": [{"binding": "DB", "database_name": "shop", "database_id": "x", "migrations_dir": "./migrations"}],
  "r2_buckets": [{"binding": "FILES", "bucket_name": "files"}],
  "queues": {
    "producers": [{"binding": "JOBS", "queue": "jobs", "delivery_delay": 5}],
    "consumers": [{"queue": "jobs", "max_batch_size": 3, "max_retries": 1, "dead_letter_queue": "dead"}]
  },
  "services": [{"binding": "OTHER", "service": "other"}],
  "triggers": {"crons": ["*/5 * * * *"]},
  "assets": {"directory": "./public/", "binding": "ASSETS", "run_worker_first": ["/api/*"]},
  "ai": {"binding": "AI"},
  "durable_objects": {"bindings": [{"name": "ROOMS", "class_name": "Room"}]},
  "observability": {"enabled": true},
}"""


def read(text: str, path: str = "wrangler.jsonc") -> Config:
    return read_config({path: text.encode(), **MAIN})


def test_a_full_configuration_is_read() -> None:
    config = read(FULL)
    assert (config.name, config.main, config.root, config.main_module) == ("shop", "src/entry.py", "src", "entry")
    assert config.variables == {"GREETING": "hi", "LIMIT": "3"}
    kinds = {binding.name: (binding.kind, binding.resource) for binding in config.bindings}
    assert kinds == {
        "CACHE": ("kv", "abc"), "PLAIN": ("kv", "PLAIN"), "DB": ("d1", "shop"), "FILES": ("r2", "files"),
        "JOBS": ("queue", "jobs"), "OTHER": ("service", "other"), "ASSETS": ("assets", "public"), "AI": ("not-yet", ""),
        "ROOMS": ("not-yet", ""),
    }  # fmt: skip
    assert config.declared.consumers == (Consumer("jobs", 3, 5, 1, "dead"),)
    assert config.declared.crons == ("*/5 * * * *",)
    assert config.declared.assets == Assets("public", "ASSETS", run_worker_first=("/api/*",))
    assert isinstance(config.binding("kv", "CACHE"), Binding) and config.binding("d1", "CACHE") is None


def test_toml_says_the_same() -> None:
    text = """
main = "src/entry.py"
compatibility_date = 2025-11-02
[vars]
GREETING = "hi"
[[kv_namespaces]]
binding = "CACHE"
id = "abc"
[triggers]
crons = ["0 * * * *"]
"""
    config = read(text, "wrangler.toml")
    assert [binding.name for binding in config.bindings] == ["CACHE"]
    assert config.compatibility_date == "2025-11-02" and config.declared.crons == ("0 * * * *",)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('"kv_namespaces"', '"kv_namespace"', 8, "kv_namespace"),
        ('"binding": "PLAIN"', '"bindng": "PLAIN"', 8, "bindng"),
        ('"binding": "FILES", ', "", 10, "no “binding”"),
        ('"binding": "FILES"', '"binding": "NOT A NAME"', 10, "cannot be the name"),
        ('"binding": "FILES"', '"binding": "CACHE"', 10, "Two things"),
        ('"binding": "FILES"', '"binding": "GREETING"', 10, "Two things"),
        ('"max_batch_size": 3', '"max_batch_size": 101', 13, "from 1 to 100"),
        ('"max_batch_size": 3', '"max_batch_sise": 3', 13, "max_batch_sise"),
        ('"*/5 * * * *"', '"every minute"', 16, "a cron expression has five"),
        ('["*/5 * * * *"]', '"*/5 * * * *"', 16, "list of texts"),
        ('"./public/"', "3", 17, "must be text"),
        ('"/api/*"', '"api/*"', 17, "begin with"),
        ('"services": [', '"services": [3, ', 15, "list of objects"),
        ('"service": "other"', '"service": "other", "props": [1]', 15, "must be an object of at most 4,096 bytes"),
        ('"service": "other"', f'"service": "other", "props": {{"a": "{4096 * "x"}"}}', 15, "at most 4,096 bytes"),
        ('"service": "other"', r'"service": "other", "entrypoint": "E\ud800"', 15, "half of a surrogate pair"),
        ('"service": "other"', r'"service": "other", "props": {"\ud800": 1}', 15, "half of a surrogate pair"),
        ('"service": "other"', '"service": "other", "props": {"a": NaN}', 15, "what JSON cannot"),
        ('"queues": {', '"queues": 3, "x": {', 11, "must be an object"),
    ],
)
def test_a_mistake_is_shown_with_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in FULL
    with pytest.raises(ConfigError) as caught:
        read(FULL.replace(old, new, 1))
    assert words in caught.value.message
    assert (caught.value.path, caught.value.line) == ("wrangler.jsonc", line)


def test_a_date_of_toml_is_no_option_of_a_binding() -> None:
    with pytest.raises(ConfigError, match="what JSON cannot: a date") as caught:
        read('main = "src/entry.py"\n[[r2_buckets]]\nbinding = "FILES"\njurisdiction = 2025-11-02\n', "wrangler.toml")
    assert caught.value.line == 2


def test_a_mistyped_setting_is_answered_with_the_right_one() -> None:
    with pytest.raises(ConfigError) as caught:
        read('{"kv_namespace": []}')
    assert caught.value.hint == "Did you mean “kv_namespaces”?"


def test_what_other_tools_of_cloudflares_set_is_left_alone() -> None:
    assert read('{"main": "src/entry.py", "zone_id": "x", "something_new": {"a": 1}}').bindings == ()


def test_quickedit_json_takes_the_same_settings_and_no_others() -> None:
    config = read(
        '{"main": "src/entry.py", "variables": {"A": "1"}, "kv_namespaces": [{"binding": "KV"}]}', "quickedit.json"
    )
    assert [binding.resource for binding in config.bindings] == ["KV"]
    with pytest.raises(ConfigError, match="zone_id"):
        read('{"main": "src/entry.py", "zone_id": "x"}', "quickedit.json")


def test_the_number_of_bindings_is_bounded() -> None:
    many = json.dumps({"kv_namespaces": [{"binding": f"B{number}"} for number in range(declared.MAX_BINDINGS + 1)]})
    with pytest.raises(ConfigError, match="64 bindings"):
        read(many)
