"""D1 databases: `await self.env.DB.prepare("SELECT …").bind(…).all()`, as Cloudflare documents D1.

What the database refuses raises OutsideError with D1's own words, `D1_ERROR: …`; a value that cannot be bound raises
TypeError.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .results import Binding, Result, options

_RAW = frozenset(["columnNames"])


class D1Result(Result):
    """`results`, a list of rows; `success`; `meta` with `changes`, `last_row_id`, `duration`, `rows_read`, …"""


class D1PreparedStatement:
    """A statement. `bind` gives values to its `?`; `all`, `first`, `raw` and `run` execute it."""

    def __init__(self, database: D1Database, sql: str, values: tuple[Any, ...] = ()) -> None:
        self._database = database
        self._sql = sql
        self._values = values

    def bind(self, *values: Any) -> D1PreparedStatement:
        """The same statement with these values: None, bool, int, float, str or bytes."""
        return D1PreparedStatement(self._database, self._sql, values)

    async def all(self) -> D1Result:
        """All rows, each a dict by column, with `meta`."""
        return (await self._database._query([self], together=False))[0]

    async def run(self) -> D1Result:
        """The same as `all`, for statements that change something."""
        return await self.all()

    async def first(self, column: str | None = None) -> Any:
        """The first row, or None; with `column`, that value of it."""
        rows = (await self.all())["results"]
        if not rows:
            return None
        if column is None:
            return rows[0]
        if column not in rows[0]:
            raise TypeError(f"D1_ERROR: Column not found ({column})")
        return rows[0][column]

    async def raw(self, options_: Mapping[str, Any] | None = None, **keywords: Any) -> list[list[Any]]:
        """All rows as lists; with `columnNames=True` the first list holds the names."""
        chosen = options(options_, keywords, _RAW, "raw()")
        (answer,) = await self._database._ask([self], together=False)
        rows: list[list[Any]] = answer["rows"]
        return [answer["columns"], *rows] if chosen.get("columnNames") else rows

    def _sent(self) -> dict[str, Any]:
        return {"sql": self._sql, "values": [_value(value) for value in self._values]}

    def __repr__(self) -> str:
        return f"<D1PreparedStatement {self._sql[:80]!r}>"


class D1Database(Binding):
    """A SQL database. Foreign keys are enforced; there is no BEGIN: use `batch`."""

    _capability = "d1"

    def prepare(self, query: str) -> D1PreparedStatement:
        """A statement, to be bound and executed."""
        if not isinstance(query, str):
            raise TypeError(f"prepare() takes SQL as str, not {type(query).__name__}")
        return D1PreparedStatement(self, query)

    async def batch(self, statements: Sequence[D1PreparedStatement]) -> list[D1Result]:
        """Executes statements as one transaction: all of them, or none where one fails."""
        for statement in statements:
            if not isinstance(statement, D1PreparedStatement):
                raise TypeError(f"batch() takes prepared statements, not {type(statement).__name__}")
        return await self._query(list(statements), together=True)

    async def exec(self, query: str) -> Result:
        """Executes a script, statement by statement and without values: `count` and `duration` (ms). For maintenance;
        `prepare` is faster and safer."""
        value, _ = await self._call("exec", {"sql": query})
        return Result(value)

    def withSession(self, constraint: str | None = None) -> D1DatabaseSession:
        """A session; here every statement sees all earlier ones anyway."""
        return D1DatabaseSession(self._name)

    with_session = withSession

    async def _query(self, statements: list[D1PreparedStatement], *, together: bool) -> list[D1Result]:
        results = []
        for answer in await self._ask(statements, together=together):
            columns = answer["columns"]
            rows = [Result(zip(columns, row, strict=True)) for row in answer["rows"]]
            results.append(D1Result(success=True, meta=Result(answer["meta"]), results=rows))
        return results

    async def _ask(self, statements: list[D1PreparedStatement], *, together: bool) -> list[dict[str, Any]]:
        sent = [statement._sent() for statement in statements]
        _, body = await self._call("query", {"statements": sent, "together": together})
        answers: list[dict[str, Any]] = json.loads(body)
        return answers


class D1DatabaseSession(D1Database):
    """What `withSession` gives: a database with a bookmark."""

    _asked = False

    def getBookmark(self) -> str | None:
        """None before the first statement, then a text without meaning here."""
        return "quickedit-0" if self._asked else None

    get_bookmark = getBookmark

    async def _ask(self, statements: list[D1PreparedStatement], *, together: bool) -> list[dict[str, Any]]:
        answers = await super()._ask(statements, together=together)
        self._asked = True
        return answers


def _value(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytes": base64.b64encode(bytes(value)).decode()}
    raise TypeError(f"D1_TYPE_ERROR: Type '{type(value).__name__}' not supported for value {str(value)[:100]!r}")
