"""The security headers of every control-plane page, and the editor's own: one place, read by the middleware and the
ASGI host router.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase


def _socket_origin(origin: str) -> str:
    return "ws" + origin.removeprefix("http")


def control_plane_policy() -> str:
    """The content security policy of our pages: own files only, frames of the editor and of previews, no inline
    anything.
    """
    workers = f"{settings.WORKERS_SCHEME}://*.{settings.WORKERS_DOMAIN}"
    return "; ".join((
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        f"connect-src 'self' {_socket_origin(settings.PUBLIC_ORIGIN)}",
        f"frame-src {settings.EDITOR_ORIGIN} {workers}",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ))  # fmt: skip


def editor_policy() -> str:
    """The policy of the workbench iframe: its own static files and nothing else; framed by the control plane alone
    (O4). ``unsafe-inline`` styles and ``wasm-unsafe-eval`` are what the workbench's themes and tokenizer need."""
    return "; ".join((
        "default-src 'none'",
        "script-src 'self' blob: 'wasm-unsafe-eval'",
        "worker-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' data:",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        f"frame-ancestors {settings.PUBLIC_ORIGIN}",
    ))  # fmt: skip


PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), browsing-topics=()"


def page_headers() -> dict[str, str]:
    """What every answer of the control plane carries unless the view said something stricter."""
    return {
        "Content-Security-Policy": control_plane_policy(),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": PERMISSIONS,
        "Cache-Control": "no-store",
    } | ({"Strict-Transport-Security": "max-age=31536000"} if settings.HTTPS else {})


class SecurityHeaders:
    """Middleware: adds ``page_headers`` where the view has not set its own. Asynchronous, so that it costs no
    thread.
    """

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> None:
        self._get_response = get_response
        self._headers = page_headers()
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = await self._get_response(request)
        for name, value in self._headers.items():
            response.headers.setdefault(name, value)
        return response
