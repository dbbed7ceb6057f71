"""Small pieces of every page: icons, times, people's initials.

Used by the templates only; reads nothing but its arguments.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
HUES = 5


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """An icon of ``parts/icons.html``, hidden from assistive technology: what it says stands in words beside it."""
    view = "0 0 20 20" if name == "mark" else "0 0 16 16"
    kind = "mark" if name == "mark" else "icon"
    return format_html(
        '<svg class="{} {}" viewBox="{}" aria-hidden="true"><use href="#i-{}"></use></svg>', kind, extra, view, name
    )


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """«just now», «yesterday», «3 days ago», «9 Nov»: a <time> that the script keeps true while the page is open."""
    if moment is None:
        return ""
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>', moment.isoformat(), full(moment), in_words(moment)
    )


@register.filter
def full(moment: datetime | None) -> str:
    """«Saturday 21 Nov 2026, 10:12», in the server's time zone."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    return f"{local:%A} {local.day} {MONTHS[local.month - 1]} {local.year}, {local:%H:%M}"


def in_words(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, in the fewest words that are still true. The script's ``ago`` in time.ts says the same."""
    now = now or timezone.now()
    seconds = max(0, int((now - moment).total_seconds()))
    if seconds < 5:
        return "just now"
    if seconds < 60:
        return f"{seconds} s ago"
    if seconds < 3600:
        return f"{seconds // 60} min ago"
    here, there = timezone.localtime(now), timezone.localtime(moment)
    if here.date() == there.date():
        return f"{seconds // 3600} h ago"
    days = (here.date() - there.date()).days
    if days < 7:
        return "yesterday" if days == 1 else f"{days} days ago"
    year = "" if here.year == there.year else f" {there.year}"
    return f"{there.day} {MONTHS[there.month - 1]}{year}"


@register.filter
def initials(name: str) -> str:
    """«Ana Ruiz» → «AR»; one word gives its first two letters."""
    words = str(name).split()
    if not words:
        return "?"
    letters = words[0][:2] if len(words) == 1 else words[0][0] + words[-1][0]
    return letters.upper()


@register.filter
def hue(value: Any) -> int:
    """The person's colour, 1 to 5, the same on every page: from the id, or from a name."""
    number = value if isinstance(value, int) else sum(str(value).encode())
    return number % HUES + 1
