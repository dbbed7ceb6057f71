"""``/healthz``: whether this process answers and reaches its database. For load balancers and start-up scripts; it
tells no more.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import DatabaseError, connection

from quickedit.threads import in_database


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


async def answer(send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Sends 200 ``{"ok": true}``, or 503 where the database does not answer."""
    ok = await in_database(_database_answers)
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200 if ok else 503, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"ok": ok}).encode()})
