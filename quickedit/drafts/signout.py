"""Signing out ends the person's private previews (O3): labels are revoked and the runner forgets them at once.

Connected to Django's signal by the app configuration. It runs in a view's thread; the runner is told from the event
loop.
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync

from quickedit.drafts import labels, runner


def revoke_labels(sender: object, user: Any = None, **_: object) -> None:
    """The receiver of ``user_logged_out``; ``user`` is None where nobody was signed in."""
    if user is None or user.pk is None:
        return
    revoked = labels.revoke(user_id=user.pk)
    if revoked:
        async_to_sync(_tell_the_runner)(revoked)


async def _tell_the_runner(hosts: list[str]) -> None:
    await runner.soon(runner.forget_hosts(hosts))
