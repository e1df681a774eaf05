"""A routing table as gateways ask for it."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from trellis.rollout.http.tables import TableServer


@contextlib.asynccontextmanager
async def served(tables: TableServer) -> AsyncIterator[str]:
    """The URL of the table, for the length of the block."""
    app = web.Application()
    app.add_routes(tables.routes())
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/routing-table"
    finally:
        await runner.cleanup()
