"""A worker that starts with an old table in a file reads no job before the table of now has come."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.integration.gateway.jobs.conftest import StartWorker
from tests.integration.gateway.jobs.workers import Jobs, LedgerServer, job, until


class TableServer:
    """Answers with a table that has only v2, once ``released``."""

    def __init__(self, ledger: LedgerServer) -> None:
        self._ledger = ledger
        self.asked, self.released = asyncio.Event(), asyncio.Event()
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.set()
        if "if-none-match" in request.headers:
            await asyncio.get_running_loop().create_future()  # nothing changes any more
        await self.released.wait()
        return web.json_response(self._ledger.table("v2"), headers={"etag": '"1"'})


@pytest.fixture
async def tables(ledger: LedgerServer) -> AsyncIterator[TableServer]:
    server = TableServer(ledger)
    application = web.Application()
    application.router.add_get("/table", server.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/table"
    yield server
    await runner.cleanup()


async def test_the_file_of_a_cold_start_runs_no_job_before_the_url_has_answered(
    jobs: Jobs, start_worker: StartWorker, tables: TableServer
) -> None:
    new = job("k", path="/v2/models/squares/versions/v2/infer", version="v2")
    submitted = [await jobs.store.submit(new)]
    worker = start_worker("/metrics", routing_table_url=tables.url, job_attempts=1)
    await tables.asked.wait()

    async def has_the_files_table() -> bool:
        return await worker.metric("trellis_routing_table_version") == 1

    async def has_seen_both_waiting() -> bool:
        return await worker.metric("trellis_jobs_backlog", "queued") == 2

    await until(has_the_files_table)
    submitted.append(await jobs.store.submit(new))
    await until(has_seen_both_waiting)
    tables.released.set()
    done = [await jobs.final(each.id) for each in submitted]
    assert [(each.state, each.attempts) for each in done] == [("succeeded", 1)] * 2
