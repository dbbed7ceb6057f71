"""Takes orders at once and works on them later: `POST /` sends to a queue, `queue` receives in batches.

`GET /` lists what is done. In the editor, Data shows what waits, and Data → Trigger hands the handler a batch.
"""

import json
from urllib.parse import urlsplit

from work import work_on
from workers import Request, Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request: Request) -> Response:
        match request.method, urlsplit(request.url).path:
            case "GET", "/":
                page = await self.env.KV.list(prefix="done:")
                return Response.json([key["metadata"] for key in page["keys"]])
            case "POST", "/":
                try:
                    order = json.loads(await request.text())
                except ValueError:
                    return Response("Send an order as JSON.", status=400)
                await self.env.JOBS.send(order)
                return Response("We will do it.", status=202)
        return Response("There is no such page.", status=404)

    async def queue(self, batch, env, ctx) -> None:
        for message in batch.messages:
            try:
                result = work_on(message.body)
            except ValueError as problem:
                print(f"Attempt {message.attempts} of {message.id} failed:", problem)
                message.retry(delay_seconds=30)
            else:
                await self.env.KV.put(f"done:{message.id}", "", metadata=result)
                message.ack()
