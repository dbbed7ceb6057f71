"""One-time login links: made by the console script (and later by invitations), consumed by the login page.

The database holds only the hash of a token. All functions are synchronous and touch the database.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from quickedit.accounts.models import LoginLink

OWNER = "owner"
"""The user name of the person a fresh installation belongs to."""
_KEEP = timedelta(days=7)
_MAX_TOKEN = 128


class LinkRefused(Exception):
    """A token that signs nobody in. ``at`` is when the link was used or when it expired; None where it never was."""

    def __init__(self, reason: Literal["used", "expired", "unknown"], at: datetime | None = None) -> None:
        super().__init__(f"the login link is {reason}")
        self.reason = reason
        self.at = at


@dataclass(frozen=True, slots=True)
class Created:
    """A new link. ``url`` carries the token and must go to a person, never to a log."""

    url: str
    expires_at: datetime


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def create(user: User | None = None) -> Created:
    """A link for that person, or for the owner. It works once, for LOGIN_LINK_MINUTES minutes. Old rows are tidied
    away.
    """
    now = timezone.now()
    token = secrets.token_urlsafe(32)
    expires_at = now + timedelta(minutes=settings.LOGIN_LINK_MINUTES)
    LoginLink.objects.filter(expires_at__lt=now - _KEEP).delete()
    LoginLink.objects.create(token_hash=_hash(token), user=user, expires_at=expires_at)
    return Created(f"{settings.PUBLIC_ORIGIN}/login?token={quote(token)}", expires_at)


def consume(token: str) -> User:
    """The person that this token signs in; from now on it signs in nobody. Raises LinkRefused.

    Use is one UPDATE that only an unused, unexpired row matches, so of two simultaneous attempts one wins.
    """
    if not 0 < len(token) <= _MAX_TOKEN:
        raise LinkRefused("unknown")
    now = timezone.now()
    row = LoginLink.objects.filter(token_hash=_hash(token))
    with transaction.atomic():
        if row.filter(used_at__isnull=True, expires_at__gt=now).update(used_at=now):
            link = row.select_related("user").get()
            return link.user or owner()
    found = row.first()
    if found is None:
        raise LinkRefused("unknown")
    if found.used_at is not None:
        raise LinkRefused("used", found.used_at)
    raise LinkRefused("expired", found.expires_at)


def owner() -> User:
    """The person this installation belongs to, made where there is none yet."""
    users = get_user_model()
    first = users.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if first is not None:
        return first
    made, new = users.objects.get_or_create(username=OWNER, defaults={"is_superuser": True, "is_staff": True})
    if new:
        made.set_unusable_password()
        made.save(update_fields=["password"])
    return made
