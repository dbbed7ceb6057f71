"""The environment: every setting documented, every mistake a sentence, every dangerous combination refused."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

_MENTIONED = re.compile(r"`(QUICKEDIT_[A-Z_]+)`")


def run(code: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter with these settings."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("QUICKEDIT_")}
    full = {
        **clean,
        "QUICKEDIT_DATA_DIR": str(tmp_path / "data"),
        "DJANGO_SETTINGS_MODULE": "quickedit.settings",
        **environment,
    }
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=full, capture_output=True, text=True, timeout=60)


def value_of(name: str, tmp_path: Path, **environment: str) -> str:
    done = run(f"from quickedit import settings; print(settings.{name})", tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def check(tmp_path: Path, **environment: str) -> str:
    """The messages of our system checks."""
    code = (
        "import django; django.setup()\n"
        "from django.core.checks import run_checks\n"
        "from quickedit import checks\n"
        "print(*[found.id for found in run_checks(tags=[checks.TAG])])"
    )
    done = run(code, tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_setting_is_documented_and_every_documented_one_is_read(tmp_path: Path) -> None:
    code = "from quickedit import settings; print(*settings.VARIABLES)"
    secret = tmp_path / "secret"
    secret.write_text("x" * 40)
    read = set(run(code, tmp_path, QUICKEDIT_SECRET_KEY_FILE=str(secret)).stdout.split())
    assert len(read) >= 10
    assert read == set(_MENTIONED.findall((ROOT / "docs" / "settings.md").read_text()))


def test_no_other_file_of_the_control_plane_reads_our_environment() -> None:
    offenders = []
    for file in (ROOT / "quickedit").rglob("*.py"):
        if file.name == "settings.py" or "templates_data" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Subscript | ast.Call)
                and "environ" in ast.unparse(node)
                and "QUICKEDIT_" in ast.unparse(node)
            ):
                reads = isinstance(node, ast.Call) and "environ.get" in ast.unparse(node.func)
                offenders += [str(file)] if reads else []
    assert not offenders


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("QUICKEDIT_PORT", "http", "whole number"),
        ("QUICKEDIT_PORT", "0", "from 1"),
        ("QUICKEDIT_WORKERS_PORT", "70000", "65535"),
        ("QUICKEDIT_PUBLIC_URL", "edit.example.com", "origin"),
        ("QUICKEDIT_PUBLIC_URL", "https://edit.example.com/path", "without a path"),
        ("QUICKEDIT_PUBLIC_URL", "https://me:pw@edit.example.com", "origin"),
        ("QUICKEDIT_PUBLIC_URL", "https://edit.example.com:99999", "origin"),
        ("QUICKEDIT_EDITOR_ORIGIN", "ftp://x", "origin"),
        ("QUICKEDIT_WORKERS_DOMAIN", "https://workers.example.com", "without a scheme"),
        ("QUICKEDIT_WORKERS_DOMAIN", "*.example.com", "domain"),
        ("QUICKEDIT_SANDBOX", "no", "auto, A, B, off"),
        ("QUICKEDIT_DEBUG", "maybe", "true or false"),
        ("QUICKEDIT_LOG_LEVEL", "loud", "WARNING"),
        ("QUICKEDIT_SECRET_KEY_FILE", "/no/such/file", "cannot be read"),
    ],
)
def test_a_value_that_cannot_be_right_stops_the_start_with_a_sentence(
    tmp_path: Path, name: str, value: str, says: str
) -> None:
    done = run("from quickedit import settings", tmp_path, **{name: value})
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode != 0
    assert name in last
    assert says in last


def test_the_ports_make_the_origins(tmp_path: Path) -> None:
    code = "from quickedit import settings as s; print(s.PUBLIC_ORIGIN, s.EDITOR_ORIGIN, s.WORKERS_DOMAIN)"
    done = run(code, tmp_path, QUICKEDIT_PORT="9000", QUICKEDIT_WORKERS_PORT="9001")
    assert done.stdout.split() == ["http://localhost:9000", "http://editor.localhost:9000", "localhost:9001"]


def test_an_origin_is_written_as_browsers_write_it(tmp_path: Path) -> None:
    assert (
        value_of("PUBLIC_ORIGIN", tmp_path, QUICKEDIT_PUBLIC_URL="HTTPS://Edit.Example.com:443/")
        == "https://edit.example.com"
    )


def test_with_https_cookies_are_secure_and_have_host_names(tmp_path: Path) -> None:
    code = (
        "from quickedit import settings as s; print(s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_NAME)"
    )
    done = run(code, tmp_path, QUICKEDIT_PUBLIC_URL="https://edit.example.com")
    assert done.stdout.split() == ["__Host-quickedit", "True", "__Host-quickedit-csrf"]


def test_a_secret_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    one = value_of("SECRET_KEY", tmp_path)
    assert len(one) >= 50
    assert value_of("SECRET_KEY", tmp_path) == one
    file = tmp_path / "data" / "secret-key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_simultaneous_first_starts_agree_on_the_secret_key(tmp_path: Path) -> None:
    environment = {**os.environ, "QUICKEDIT_DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "-c", "from quickedit import settings; print(settings.SECRET_KEY)"]
    started = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert len({process.communicate(timeout=60)[0] for process in started}) == 1


def test_the_defaults_pass_every_check(tmp_path: Path) -> None:
    assert check(tmp_path) == ""


@pytest.mark.parametrize(
    ("found", "environment"),
    [
        ("quickedit.E001", {"QUICKEDIT_BIND": "0.0.0.0"}),
        ("quickedit.E001", {"QUICKEDIT_BIND": "::"}),
        ("quickedit.E001", {"QUICKEDIT_BIND": "192.168.1.7"}),
        (
            "quickedit.E002",
            {"QUICKEDIT_PUBLIC_URL": "http://edit.example.com", "QUICKEDIT_EDITOR_ORIGIN": "http://e.example.com"},
        ),
        ("quickedit.E003", {"QUICKEDIT_EDITOR_ORIGIN": "http://localhost:9999"}),
        ("quickedit.E004", {"QUICKEDIT_EDITOR_ORIGIN": "https://editor.localhost:8000"}),
        ("quickedit.E006", {"QUICKEDIT_WORKERS_PORT": "8000"}),
        ("quickedit.E008", {"QUICKEDIT_SECRET_KEY": "short"}),
        ("quickedit.W001", {"QUICKEDIT_SANDBOX": "off"}),
        (
            "quickedit.E005",
            {
                "QUICKEDIT_PUBLIC_URL": "https://edit.example.com",
                "QUICKEDIT_EDITOR_ORIGIN": "https://files.example.org",
                "QUICKEDIT_WORKERS_DOMAIN": "example.com",
            },
        ),
    ],
)
def test_settings_that_contradict_each_other_are_named(tmp_path: Path, found: str, environment: dict[str, str]) -> None:
    assert check(tmp_path, **environment) == found


def test_a_production_setting_passes_every_check(tmp_path: Path) -> None:
    environment = {
        "QUICKEDIT_BIND": "0.0.0.0",
        "QUICKEDIT_PUBLIC_URL": "https://edit.example.com",
        "QUICKEDIT_EDITOR_ORIGIN": "https://edit-files.example.com",
        "QUICKEDIT_WORKERS_DOMAIN": "example-workers.net",
    }
    assert check(tmp_path, **environment) == ""


def test_a_long_data_directory_is_named_before_the_socket_fails(tmp_path: Path) -> None:
    assert check(tmp_path, QUICKEDIT_DATA_DIR=str(tmp_path / ("d" * 120))) == "quickedit.E007"


def test_the_server_does_not_start_on_an_error(tmp_path: Path) -> None:
    done = run("import quickedit.asgi", tmp_path, QUICKEDIT_BIND="0.0.0.0")
    assert done.returncode != 0
    assert "quickedit.E001" in done.stderr.splitlines()[-1]
