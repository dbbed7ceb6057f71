"""What must hold between settings, as Django system checks with an id and a hint each.

``manage.py check`` and the start-up command print them; the ASGI application refuses to start on an error, so that a
mistake cannot be served. Single values were judged when ``quickedit.settings`` read them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured

TAG = "quickedit"
MAX_SOCKET_PATH = 107
"""Bytes of a Unix socket's path: what the kernel takes."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what is bound to that address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _inside(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


@register(TAG, Tags.security)
def check_reach(**_: Any) -> Iterable[CheckMessage]:
    """Beyond this machine only over https: else session cookies are dropped, or travel in clear."""
    if not is_loopback(settings.BIND) and not settings.HTTPS:
        yield Error(
            f"QUICKEDIT_BIND is {settings.BIND}, so other machines can connect, but QUICKEDIT_PUBLIC_URL is not https.",
            hint="Put a proxy with https in front and set QUICKEDIT_PUBLIC_URL, or bind to 127.0.0.1.",
            id="quickedit.E001",
        )
    host = urlsplit(settings.PUBLIC_ORIGIN).hostname or ""
    if not settings.HTTPS and not is_loopback(host):
        yield Error(
            f"QUICKEDIT_PUBLIC_URL is {settings.PUBLIC_ORIGIN}: browsers keep no safe session there without https.",
            hint="Use https, or http://localhost on one machine.",
            id="quickedit.E002",
        )


@register(TAG, Tags.security)
def check_origins(**_: Any) -> Iterable[CheckMessage]:
    """Pages, editor and workers must not share an origin, nor workers a domain with the pages' cookies."""
    public, editor = urlsplit(settings.PUBLIC_ORIGIN), urlsplit(settings.EDITOR_ORIGIN)
    if public.hostname == editor.hostname:
        yield Error(
            "QUICKEDIT_EDITOR_ORIGIN has the host of QUICKEDIT_PUBLIC_URL: the editor would get the session cookie.",
            hint="Give the editor a host name of its own, such as editor.example.com.",
            id="quickedit.E003",
        )
    if public.scheme != editor.scheme:
        yield Error(
            "QUICKEDIT_EDITOR_ORIGIN and QUICKEDIT_PUBLIC_URL differ in scheme: browsers block such frames.",
            hint="Use https for both, or http for both on one machine.",
            id="quickedit.E004",
        )
    domain = urlsplit(f"//{settings.WORKERS_DOMAIN}").hostname or ""
    for name, parts in (("QUICKEDIT_PUBLIC_URL", public), ("QUICKEDIT_EDITOR_ORIGIN", editor)):
        if domain != "localhost" and _inside(parts.hostname or "", domain):
            yield Error(
                f"{name} lies inside QUICKEDIT_WORKERS_DOMAIN ({domain}), so a worker could set cookies for it.",
                hint="Serve workers under a registrable domain of their own.",
                id="quickedit.E005",
            )


@register(TAG)
def check_places(**_: Any) -> Iterable[CheckMessage]:
    """Ports and paths that cannot work together."""
    if settings.PORT == settings.WORKERS_PORT:
        yield Error(
            f"QUICKEDIT_PORT and QUICKEDIT_WORKERS_PORT are both {settings.PORT}.",
            hint="Choose two different ports.",
            id="quickedit.E006",
        )
    if len(bytes(settings.RUNNER_SOCKET)) > MAX_SOCKET_PATH:
        yield Error(
            f"The runner's socket {settings.RUNNER_SOCKET} is longer than the {MAX_SOCKET_PATH} bytes Linux takes.",
            hint="Set QUICKEDIT_DATA_DIR to a shorter path.",
            id="quickedit.E007",
        )


@register(TAG, Tags.security)
def check_secrets(**_: Any) -> Iterable[CheckMessage]:
    """A key that can be guessed, and a sandbox that is off."""
    if len(settings.SECRET_KEY) < 32:
        yield Error(
            "QUICKEDIT_SECRET_KEY has fewer than 32 characters.",
            hint="Leave it unset (one is made and kept in the data directory), or use a longer random one.",
            id="quickedit.E008",
        )
    if settings.SANDBOX == "off":
        yield Warning(
            "QUICKEDIT_SANDBOX is off: a worker's code can do to this machine whatever the runner's user can.",
            hint="Only for code that you would run yourself.",
            id="quickedit.W001",
        )


def refuse_errors() -> None:
    """Raises ImproperlyConfigured with every error and its hint. Called when the ASGI application is made."""
    errors = [found for found in run_checks(tags=[TAG]) if found.is_serious()]
    if errors:
        raise ImproperlyConfigured("\n".join(f"{found.msg} {found.hint or ''} ({found.id})" for found in errors))
