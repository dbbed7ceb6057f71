"""The entries in the database. Values are always bound with `?`, never put into the SQL."""

from dataclasses import dataclass

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    message TEXT NOT NULL,
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)
"""
LONGEST = 500


@dataclass
class Entry:
    name: str
    message: str
    at: str


class Entries:
    def __init__(self, db) -> None:
        self.db = db

    async def newest(self, count: int = 50) -> list[Entry]:
        await self.db.prepare(SCHEMA).run()
        query = "SELECT name, message, at FROM entries ORDER BY id DESC LIMIT ?"
        found = await self.db.prepare(query).bind(count).all()
        return [Entry(row.name, row.message, row.at) for row in found.results]

    async def add(self, name: str, message: str) -> None:
        """Raises ValueError, with a sentence for the guest, where something is missing."""
        name, message = name.strip(), message.strip()
        if not name or not message:
            raise ValueError("Please write your name and a message.")
        if len(message) > LONGEST:
            raise ValueError(f"Please write at most {LONGEST} letters.")
        await self.db.prepare(SCHEMA).run()
        await self.db.prepare("INSERT INTO entries (name, message) VALUES (?, ?)").bind(name, message).run()
