"""Supabase's Management API on loopback, in the shapes that its reference documents.

In: nothing. Out: an `Api` that answers for one project, and remembers what it was asked.
Source: https://supabase.com/docs/reference/api/v1-list-all-backups, and beside it the restore points,
v1-restore-pitr-backup and v1-undo.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from aiohttp import web

PROJECT = "abcdefghijklmnopqrst"
TOKEN = "sbp_secret"


@dataclass
class Api:
    """Answers as Supabase's Management API documents it.

    Attributes:
        states: of the restore point, one an inquiry.
        restored: what it was told to restore.
    """

    states: list[str] = field(default_factory=lambda: ["PENDING", "PENDING", "AVAILABLE"])
    pitr: bool = True
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    restored: list[dict[str, object]] = field(default_factory=list)

    async def backups(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        window = {
            "earliest_physical_backup_date_unix": 1756000000,
            "latest_physical_backup_date_unix": 1756700000,
        }
        rows = [
            {
                "id": 7,
                "is_physical_backup": True,
                "status": "COMPLETED",
                "inserted_at": "2026-11-26T02:00:00.000Z",
            },
            {
                "id": 8,
                "is_physical_backup": True,
                "status": "FAILED",
                "inserted_at": "2026-11-26T03:00:00.000Z",
            },
        ]
        return web.json_response(
            {
                "region": "eu-central-1",
                "walg_enabled": True,
                "pitr_enabled": self.pitr,
                "backups": rows,
                "physical_backup_data": window if self.pitr else {},
            }
        )

    async def point(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        name = (await request.json())["name"] if request.method == "POST" else request.query["name"]
        state = self.states.pop(0)
        done = "2026-11-26T04:00:00.000Z" if state == "AVAILABLE" else None
        return web.json_response(
            {"name": name, "status": state, "completed_on": done},
            status=201 if request.method == "POST" else 200,
        )

    async def restore(self, request: web.Request) -> web.Response:
        """Both ways: to a moment, and to a restore point; of the whole project, at once."""
        if refused := self._refused(request):
            return refused
        self.restored.append(await request.json())
        return web.Response(status=201)

    def _refused(self, request: web.Request) -> web.Response | None:
        self.asked.append((request.method, request.path))
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "Unauthorized"}, status=401)
        return None


@asynccontextmanager
async def started() -> AsyncIterator[Api]:
    """One that runs on this event loop."""
    api = Api()
    application = web.Application()
    root = f"/v1/projects/{PROJECT}/database/backups"
    application.router.add_get(root, api.backups)
    application.router.add_route("*", f"{root}/restore-point", api.point)
    for way in ("restore-pitr", "undo"):
        application.router.add_post(f"{root}/{way}", api.restore)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    api.url = f"http://{host}:{port}"
    try:
        yield api
    finally:
        await runner.cleanup()


@contextmanager
def serving_api() -> Iterator[Api]:
    """One that runs in a thread, for what has no event loop, or one of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    running = started()
    api = asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result(20)
    try:
        yield api
    finally:
        asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
