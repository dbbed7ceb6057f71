"""The variables that every page's template may use: theme, person, product version, and the data for the page's script.

Named as a context processor in the settings. A view adds to ``page_data`` through
``quickedit.dashboard.context.page_data``.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import get_token

from quickedit.accounts.people import name_of

API_BASE = "/api/v1"
_THEMES = ("light", "dark", "system")


def _version() -> str:
    try:
        return version("quickedit")
    except PackageNotFoundError:
        return "0.1.0"


PRODUCT_VERSION = _version()


def theme(request: HttpRequest) -> str:
    """The theme of the cookie that the page's script wrote; anything else is the system's."""
    chosen = request.COOKIES.get("theme", "")
    return chosen if chosen in _THEMES else "system"


def me(request: HttpRequest) -> dict[str, Any] | None:
    """The signed-in person as pages show them, or None."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    return {"id": user.pk, "name": name_of(user)}


def page_data(request: HttpRequest, **more: Any) -> dict[str, Any]:
    """What a page's script reads: always the CSRF token, the API's base path and the theme; and what the view adds."""
    return {"csrfToken": get_token(request), "apiBase": API_BASE, "theme": theme(request), **more}


def page(request: HttpRequest) -> dict[str, Any]:
    """The context processor. A page that failed early (no session, no user) still gets one."""
    person = me(request)
    return {
        "theme": theme(request),
        "me": person,
        "product_version": PRODUCT_VERSION,
        "page_data": page_data(request) if person else {"apiBase": API_BASE, "theme": theme(request)},
    }
