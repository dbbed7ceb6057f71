"""Notes in the database. Values are always bound with `?`, never put into the SQL."""

from pydantic import BaseModel, Field

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0)"
)


class NewNote(BaseModel):
    text: str = Field(min_length=1, max_length=1000)
    done: bool = False


class Note(NewNote):
    id: int


class Notes:
    def __init__(self, db) -> None:
        self.db = db

    async def all(self) -> list[Note]:
        await self.db.prepare(SCHEMA).run()
        found = await self.db.prepare("SELECT id, text, done FROM notes ORDER BY id LIMIT 500").all()
        return [Note(**row) for row in found.results]

    async def get(self, id: int) -> Note | None:
        await self.db.prepare(SCHEMA).run()
        row = await self.db.prepare("SELECT id, text, done FROM notes WHERE id = ?").bind(id).first()
        return None if row is None else Note(**row)

    async def add(self, note: NewNote) -> Note:
        await self.db.prepare(SCHEMA).run()
        query = "INSERT INTO notes (text, done) VALUES (?, ?) RETURNING id, text, done"
        return Note(**await self.db.prepare(query).bind(note.text, note.done).first())

    async def remove(self, id: int) -> None:
        await self.db.prepare(SCHEMA).run()
        await self.db.prepare("DELETE FROM notes WHERE id = ?").bind(id).run()
