"""Runs every quarter of an hour once it is deployed, and shows at `/` when it did.

In the editor, Data → Trigger runs it now.
"""

import json
from datetime import UTC, datetime

from workers import Request, Response, WorkerEntrypoint

KEPT = 7 * 24 * 60 * 60
"""Seconds for which a run is remembered."""


class Default(WorkerEntrypoint):
    async def scheduled(self, controller, env, ctx) -> None:
        at = datetime.fromtimestamp(controller.scheduledTime / 1000, UTC)
        print("Running for", at.isoformat())
        report = {"cron": controller.cron, "minute": at.minute}
        # The key sorts by time; the value is small enough to go into the metadata, which list() brings along.
        await self.env.KV.put(f"run:{at.isoformat()}", "", expirationTtl=KEPT, metadata=report)

    async def fetch(self, request: Request) -> Response:
        page = await self.env.KV.list(prefix="run:")
        runs = [{"at": key["name"].removeprefix("run:"), **key["metadata"]} for key in page["keys"]]
        return Response(json.dumps(runs[::-1], indent=2), headers={"content-type": "application/json"})
