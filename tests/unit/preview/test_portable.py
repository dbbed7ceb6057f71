"""There and back: what an export for Cloudflare holds, and which packages a worker asks for."""

from __future__ import annotations

import json
import tomllib

import pytest

from preview.bundle import ConfigError, read_config
from preview.portable import for_cloudflare
from preview.requirements import Requirement, asked_for, imported

MAIN = b"""import yaml
from fastapi import FastAPI
from PIL import Image
import requests.sessions
from . import flask
import json, helper
"""


def test_an_export_has_what_pywrangler_needs() -> None:
    ours = {
        "name": "Shop", "variables": {"A": "1"}, "kv_namespaces": [{"binding": "KV"}], "triggers": {"crons": ["* * * * *"]},
    }  # fmt: skip
    made = for_cloudflare({"main.py": MAIN, "helper.py": b"", "quickedit.json": json.dumps(ours).encode()}, "shop")
    assert set(made) == {"main.py", "helper.py", "wrangler.jsonc", "pyproject.toml"}
    config = json.loads(made["wrangler.jsonc"])
    assert (config["name"], config["main"], config["vars"]) == ("Shop", "main.py", {"A": "1"})
    assert config["compatibility_flags"] == ["python_workers"] and config["compatibility_date"] >= "2025-01-01"
    assert config["triggers"] == {"crons": ["* * * * *"]} and config["kv_namespaces"][0]["id"].startswith("<")
    project = tomllib.loads(made["pyproject.toml"].decode())
    assert project["project"]["dependencies"] == ["fastapi", "pillow", "pyyaml", "requests"]
    assert project["dependency-groups"]["dev"] == ["workers-py", "workers-runtime-sdk"]


def test_what_was_exported_is_the_same_worker_when_it_comes_back() -> None:
    before = {"src/entry.py": b"", "quickedit.json": b'{"main": "src/entry.py", "variables": {"A": "1"}}'}
    there, here = read_config(for_cloudflare(before, "w")), read_config(before)
    assert (there.main, there.root, there.variables) == (here.main, here.root, here.variables)
    assert for_cloudflare(for_cloudflare(before, "w"), "w") == for_cloudflare(before, "w")


def test_a_worker_with_a_wrangler_configuration_is_left_as_it_is() -> None:
    modules = {"main.py": b"", "wrangler.toml": b'name = "x"', "pyproject.toml": b"[project]\n"}
    assert for_cloudflare(modules, "other") == modules


def test_a_worker_without_a_main_module_cannot_be_exported() -> None:
    with pytest.raises(ConfigError):
        for_cloudflare({"readme.md": b""}, "x")


def test_imports_are_those_of_packages_and_not_of_the_workers_own_modules() -> None:
    assert imported({"main.py": b"import requests, jinja2", "requests.py": b"", "broken.py": b"import ("}) == ["jinja2"]


def test_what_a_project_asks_for_is_read_with_its_lines() -> None:
    project = b"""[project]
dependencies = [
  "FastAPI>=0.1",
  "Ruamel.YAML[jinja2]==1",
  "tzdata; sys_platform == 'win32'",
  3,
]
"""
    listed = b"# comment\n-r other.txt\nhttpx==0.28 --hash=sha256:00 \\\n    --hash=sha256:11  # why\n\nworkers-py\nFastAPI\n"
    assert asked_for({"pyproject.toml": project, "requirements.txt": listed}) == [
        Requirement("fastapi", "pyproject.toml", 3, "FastAPI>=0.1"),
        Requirement("ruamel-yaml", "pyproject.toml", 4, "Ruamel.YAML[jinja2]==1"),
        Requirement("httpx", "requirements.txt", 3, "httpx==0.28"),
    ]
    for broken in (b"[project", b"project = 3", b'[project]\ndependencies = "x"', b"\xff\xfe"):
        assert asked_for({"pyproject.toml": broken}) == []
