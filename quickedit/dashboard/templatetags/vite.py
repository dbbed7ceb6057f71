"""``{% vite 'src/host/edit.ts' %}``: the tags of one built entry of the front end.

Read by every page's template. The one source is Vite's manifest in ``settings.FRONTEND_DIST`` (``frontend/dist``
where it is not set); it is read again whenever it was written again, so a rebuild needs no restart. Never guesses a
file name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


class FrontendNotBuilt(ImproperlyConfigured):
    """The manifest, or an entry of it, is not there; the message says what to run."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the manifest, with what it needs before it: paths relative to the distribution's root."""

    script: str
    styles: tuple[str, ...]
    imports: tuple[str, ...]


def dist() -> Path:
    """The folder that holds the built front end."""
    configured = getattr(settings, "FRONTEND_DIST", None)
    return Path(configured) if configured else Path(settings.BASE_DIR) / "frontend" / "dist"


@register.simple_tag
def vite(entry: str, required: bool = True) -> SafeString:
    """Stylesheets, preloads and the script of an entry. Raises FrontendNotBuilt, or gives nothing where it is not
    required (the page that reports a server's fault must not fail in turn)."""
    try:
        found = find(dist() / ".vite" / "manifest.json", entry)
    except FrontendNotBuilt:
        if required:
            raise
        return mark_safe("")
    base = settings.STATIC_URL or "/static/"
    parts = [
        format_html_join("\n", '<link rel="stylesheet" href="{}{}">', ((base, path) for path in found.styles)),
        format_html_join("\n", '<link rel="modulepreload" href="{}{}">', ((base, path) for path in found.imports)),
        format_html('<script type="module" src="{}{}"></script>', base, found.script),
    ]
    return mark_safe("\n".join(part for part in parts if part))


@register.simple_tag
def vite_script(entry: str) -> str:
    """The path of an entry's script, whose name changes with whatever it loads. Raises FrontendNotBuilt."""
    return find(dist() / ".vite" / "manifest.json", entry).script


def find(manifest: Path, entry: str) -> Entry:
    """The entry with the styles and chunks of all its static imports, each once, dependencies first."""
    try:
        stamp = manifest.stat().st_mtime_ns
    except FileNotFoundError:
        raise FrontendNotBuilt(
            f"The front end is not built: {manifest} is missing. Run `make run`, or `npm run build` in frontend/."
        ) from None
    chunks = _read(manifest, stamp)
    if entry not in chunks:
        raise FrontendNotBuilt(
            f"The built front end has no entry {entry!r}. It is out of date: run `npm run build` in frontend/."
        )
    order: list[str] = []
    _walk(chunks, entry, order)
    styles = dict.fromkeys(style for key in order for style in chunks[key].get("css", ()))
    imports = tuple(chunks[key]["file"] for key in order if key != entry)
    return Entry(script=chunks[entry]["file"], styles=tuple(styles), imports=imports)


def _walk(chunks: dict[str, Any], key: str, order: list[str], seen: set[str] | None = None) -> None:
    seen = set() if seen is None else seen
    if key in seen or key not in chunks:
        return
    seen.add(key)
    for dependency in chunks[key].get("imports", ()):
        _walk(chunks, dependency, order, seen)
    order.append(key)


@lru_cache(maxsize=4)
def _read(manifest: Path, stamp: int) -> dict[str, Any]:
    """``stamp`` is the file's time of writing: a new one is a new cache entry."""
    chunks: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
    return chunks
