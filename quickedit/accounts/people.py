"""People as the rest of Quick Edit sees them: who asks, and what they are called."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest

from quickedit.errors import NotSignedIn


def signed_in(request: HttpRequest) -> User:
    """The person behind a request. Raises NotSignedIn; views that are ``login_required`` never see it."""
    user = request.user
    if not user.is_authenticated:
        raise NotSignedIn("Sign in first.", hint="Open a new login link.")
    return user


def name_of(user: User | None) -> str:
    """What a person is called on pages and in history."""
    return "somebody who left" if user is None else user.get_full_name() or user.get_username()
