"""Every setting of the control plane: Django's own, and ours, read from the environment in this file and nowhere else.

Django loads it; the console script reads it too, to know ports and origins. Each variable goes through one of the small
strict readers below, so that a mistake is a sentence at start-up and not a surprise later. ``docs/settings.md``
documents them all (a test compares the two). What must hold between settings is checked in ``quickedit.checks``.
"""

from __future__ import annotations

import os
import secrets
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

VARIABLES: list[str] = []
"""The names of all environment variables read here, for the test that compares them with the documentation."""


def _text(name: str, default: str = "") -> str:
    VARIABLES.append(name)
    return os.environ.get(name, "").strip() or default


def _flag(name: str, default: bool) -> bool:
    value = _text(name).lower()
    if value in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        return value in ("1", "true", "yes", "on") if value else default
    raise ImproperlyConfigured(f"{name} is {value!r}: write true or false")


def _number(name: str, default: int, low: int, high: int) -> int:
    value = _text(name, str(default))
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        raise ImproperlyConfigured(f"{name} is {value!r}: write a whole number from {low} to {high}")
    return int(value)


def _choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    value = _text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}: write one of {', '.join(choices)}")
    return value


def _origin(name: str, default: str) -> str:
    """An origin as browsers write it: scheme, host and, where it is not the scheme's own, port; no path, lower case."""
    value = _text(name, default).rstrip("/").lower()
    parts = urlsplit(value)
    try:
        port = parts.port
    except ValueError:
        port = -1
    well_formed = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and port != -1
    if not well_formed or value != f"{parts.scheme}://{parts.netloc}":
        raise ImproperlyConfigured(
            f"{name} is {value!r}: write an origin such as https://edit.example.com, without a path"
        )
    if port == {"http": 80, "https": 443}[parts.scheme]:
        return f"{parts.scheme}://{parts.hostname}"
    return value


def _domain(name: str, default: str) -> str:
    """A host name with, where needed, a port: ``workers.example.com`` or ``localhost:8001``."""
    value = _text(name, default).lower()
    parts = urlsplit(f"//{value}")
    try:
        well_formed = parts.netloc == value and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        well_formed = False
    if not well_formed or value.startswith((".", "*")):
        raise ImproperlyConfigured(f"{name} is {value!r}: write a domain such as workers.example.com, without a scheme")
    return value


def _secret(name: str) -> str:
    """The variable itself, or the content of the file that ``<name>_FILE`` names; a file that cannot be read is an
    error.
    """
    file = _text(f"{name}_FILE")
    if not file:
        return _text(name)
    VARIABLES.append(name)
    try:
        value = Path(file).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE names {file}, which cannot be read: {error.strerror}") from error
    if not value:
        raise ImproperlyConfigured(f"{name}_FILE names {file}, which is empty")
    return value


def _stored_secret(file: Path) -> str:
    """The secret in a file that only its owner can read, made at the first start. Two processes that start at once
    agree, as the file appears whole by a link and the second one reads the first one's."""
    if not file.exists():
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(secrets.token_urlsafe(48))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text().strip()


# --- where we are ---------------------------------------------------------------------------------------------------

PORT = _number("QUICKEDIT_PORT", 8000, 1, 65535)
WORKERS_PORT = _number("QUICKEDIT_WORKERS_PORT", 8001, 1, 65535)
BIND = _text("QUICKEDIT_BIND", "127.0.0.1")
DATA_DIR = Path(_text("QUICKEDIT_DATA_DIR", str(BASE_DIR / ".data"))).expanduser().resolve()
LANGUAGE_MEMORY = _number("QUICKEDIT_LANGUAGE_MEMORY", 1024, 0, 1024 * 1024) * 1024 * 1024

PUBLIC_ORIGIN = _origin("QUICKEDIT_PUBLIC_URL", f"http://localhost:{PORT}")
EDITOR_ORIGIN = _origin("QUICKEDIT_EDITOR_ORIGIN", f"http://editor.localhost:{PORT}")
WORKERS_DOMAIN = _domain("QUICKEDIT_WORKERS_DOMAIN", f"localhost:{WORKERS_PORT}")
HTTPS = PUBLIC_ORIGIN.startswith("https://")
PUBLIC_HOST = urlsplit(PUBLIC_ORIGIN).netloc
EDITOR_HOST = urlsplit(EDITOR_ORIGIN).netloc
WORKERS_SCHEME = "https" if HTTPS else "http"

SANDBOX = _choice("QUICKEDIT_SANDBOX", "auto", ("auto", "A", "B", "off"))
OUTBOUND_ALLOW = _text("QUICKEDIT_OUTBOUND_ALLOW")
OUTBOUND_DENY = _text("QUICKEDIT_OUTBOUND_DENY")
PACKAGE_INDEX = _secret("QUICKEDIT_PACKAGE_INDEX")
FRONTEND_DIST = Path(_text("QUICKEDIT_DIST_DIR", str(BASE_DIR / "frontend" / "dist"))).expanduser().resolve()
RUNNER_SOCKET = DATA_DIR / "run" / "runner.sock"
BUNDLES_DIR = DATA_DIR / "bundles"
ENVIRONMENTS_DIR = DATA_DIR / "packages" / "ready"

DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

DATABASE_URL = _secret("QUICKEDIT_DATABASE_URL")
REDIS_URL = _secret("QUICKEDIT_REDIS_URL")
if REDIS_URL and not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise ImproperlyConfigured("QUICKEDIT_REDIS_URL is no Redis URL: write one such as redis://127.0.0.1:6379/0")
FAILPOINT = _text("QUICKEDIT_FAILPOINT")
"""For tests of crashes: see ``quickedit.failpoints``."""

# --- limits ---------------------------------------------------------------------------------------------------------

DRAFT_WAIT = 0.15
"""Seconds without an operation after which the preview runs the draft."""
LOGIN_LINK_MINUTES = 15
MAX_BODY = 16 * 1024 * 1024
"""Bytes of one HTTP request to the control plane: a whole worker as one batch, its quotes and line ends escaped,
fits.
"""

# --- Django ---------------------------------------------------------------------------------------------------------

DEBUG = _flag("QUICKEDIT_DEBUG", False)
SECRET_KEY = _secret("QUICKEDIT_SECRET_KEY") or _stored_secret(DATA_DIR / "secret-key")
ALLOWED_HOSTS = [urlsplit(PUBLIC_ORIGIN).hostname or ""]
ROOT_URLCONF = "quickedit.urls"
ASGI_APPLICATION = "quickedit.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False
STATIC_URL = "/static/"
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "channels",
    "quickedit.accounts",
    "quickedit.workers",
    "quickedit.workspaces",
    "quickedit.deployments",
    "quickedit.drafts",
    "quickedit.editor",
    "quickedit.dashboard",
]

MIDDLEWARE = [
    "quickedit.headers.SecurityHeaders",
    "quickedit.middleware.Common",
    "quickedit.middleware.Session",
    "quickedit.middleware.Csrf",
    "quickedit.middleware.Authentication",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": ["django.template.context_processors.request", "quickedit.dashboard.context.page"]
        },
    }
]

_SQLITE: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": DATA_DIR / "quickedit.sqlite3",
    "OPTIONS": {
        "timeout": 20,
        # IMMEDIATE: a transaction that reads first and writes later would fail at once where another one wrote between.
        "transaction_mode": "IMMEDIATE",
        # FULL: what was acknowledged survives power loss.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000",
    },
}


def _postgresql(url: str) -> dict[str, Any]:
    """Django's settings for a libpq URI, read by libpq itself. The URI is a secret and never printed."""
    hint = "write a URL such as postgresql://quickedit:password@127.0.0.1/quickedit, or leave it unset for SQLite"
    if not url.startswith(("postgresql://", "postgres://")):
        raise ImproperlyConfigured(f"QUICKEDIT_DATABASE_URL is no PostgreSQL URL: {hint}")
    conninfo = import_module("psycopg.conninfo")  # only where it is used: it costs a laptop's start 40 ms
    try:
        parts = dict(conninfo.conninfo_to_dict(url))
    except Exception as error:
        raise ImproperlyConfigured(f"QUICKEDIT_DATABASE_URL cannot be read: {hint}") from error
    django = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    found = {key: str(parts.pop(name, "")) for key, name in django.items()}
    if not found["NAME"]:
        raise ImproperlyConfigured(f"QUICKEDIT_DATABASE_URL names no database: {hint}")
    options = {
        "connect_timeout": 5,
        # A server that vanished is noticed, and nobody waits for a lock for ever.
        "tcp_user_timeout": 20_000,
        "keepalives_idle": 20,
        "options": "-c lock_timeout=20s -c idle_in_transaction_session_timeout=60s",
        **parts,
    }
    return {"ENGINE": "django.db.backends.postgresql", **found, "OPTIONS": options}


DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **(_postgresql(DATABASE_URL) if DATABASE_URL else _SQLITE),
        # The threads of quickedit.threads keep theirs; one that a request's own thread opened ends with the request.
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
    }
}

CHANNEL_LAYERS: dict[str, dict[str, Any]] = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
if REDIS_URL:
    # Publish and subscribe: a hint that nobody hears is no loss, so nothing need be stored.
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_connect_timeout": 3}], "prefix": "quickedit."},
    }

AUTH_USER_MODEL = "auth.User"
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"

# `__Host-` names cannot be set by a sibling domain, but browsers refuse them without https, which a laptop does not
# have.
_PREFIX = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME = f"{_PREFIX}quickedit"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 30 * 24 * 60 * 60
CSRF_COOKIE_NAME = f"{_PREFIX}quickedit-csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = HTTPS
CSRF_HEADER_NAME = "HTTP_X_CSRFTOKEN"
CSRF_FAILURE_VIEW = "quickedit.failures.csrf"
CSRF_TRUSTED_ORIGINS = [PUBLIC_ORIGIN]
if HTTPS:
    # Only a proxy of ours stands in front (checks.py), and it must overwrite this header.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LOG_LEVEL = _choice("QUICKEDIT_LOG_LEVEL", "WARNING", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"tokens": {"()": "quickedit.accounts.redact.RedactTokens"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "filters": ["tokens"], "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
}
