"""A JSON API with FastAPI: notes in a D1 database. Its interactive documentation is at `/docs`."""

from fastapi import FastAPI, HTTPException, Request
from notes import NewNote, Note, Notes
from workers import WorkerEntrypoint

app = FastAPI(title="Notes")


@app.get("/")
async def root() -> dict[str, str]:
    return {"notes": "/notes", "documentation": "/docs"}


@app.get("/notes")
async def index(request: Request) -> list[Note]:
    return await notes_of(request).all()


@app.post("/notes", status_code=201)
async def create(note: NewNote, request: Request) -> Note:
    return await notes_of(request).add(note)


@app.get("/notes/{id}")
async def show(id: int, request: Request) -> Note:
    note = await notes_of(request).get(id)
    if note is None:
        raise HTTPException(404, "There is no such note.")
    return note


@app.delete("/notes/{id}", status_code=204)
async def remove(id: int, request: Request) -> None:
    await notes_of(request).remove(id)


def notes_of(request: Request) -> Notes:
    return Notes(request.scope["env"].DB)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        import asgi

        return await asgi.fetch(app, request, self.env)
