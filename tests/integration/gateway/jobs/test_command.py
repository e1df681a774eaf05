import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from tests.integration.gateway.jobs.test_store import ANSWER, take
from tests.integration.gateway.jobs.workers import RULES, Jobs, job
from tests.integration.redis_server import RedisServer
from trellis.gateway.jobs.document import EMBEDDED_BYTES

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def trellis(each_redis_server: RedisServer, prefix: str) -> Run:
    """Runs ``trellis jobs``; returns its exit status, output and complaints."""
    env = {
        **os.environ,
        "TRELLIS_REDIS_URL": each_redis_server.url,
        "TRELLIS_REDIS_PREFIX": prefix,
    }

    async def run(*words: str) -> tuple[int, str, str]:
        argv = [sys.executable, "-m", "trellis.cli", "jobs", *words]
        ended = await asyncio.to_thread(
            subprocess.run, argv, capture_output=True, text=True, env=env, timeout=60
        )
        return ended.returncode, ended.stdout, ended.stderr

    return run


async def test_jobs_are_listed_shown_and_cancelled(jobs: Jobs, trellis: Run) -> None:
    first = await jobs.store.submit(job("a"))
    second = await jobs.store.submit(job("b"))
    taken = await take(jobs)
    await jobs.queue.finish(taken.lease, "succeeded", ANSWER)
    status, out, err = await trellis("list")
    assert status == 0
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        [second.id, "queued"],
        [first.id, "succeeded"],
    ]
    assert err == "in all: 1 queued, 0 delayed, 0 pending, 0 dead\n"
    status, out, _ = await trellis("show", first.id)
    assert (status, json.loads(out)["state"]) == (0, "succeeded")
    assert await trellis("show", first.id, "--result") == (0, ANSWER.body.decode(), "")
    assert await trellis("cancel", second.id) == (0, f"{second.id} cancelled\n", "")
    status, out, err = await trellis("cancel", first.id)
    assert (status, out) == (1, "")
    assert "succeeded, so there is nothing to cancel" in err


async def test_a_result_is_shown_whole_however_long(jobs: Jobs, trellis: Run) -> None:
    submitted = await jobs.store.submit(job())
    taken = await take(jobs)
    body = b'["' + b"x" * EMBEDDED_BYTES + b'"]'
    await jobs.queue.finish(taken.lease, "succeeded", ANSWER._replace(body=body))
    assert await trellis("show", submitted.id, "--result") == (0, body.decode(), "")
    status, out, _ = await trellis("show", submitted.id)
    assert (status, json.loads(out)["result"]) == (0, None)


async def test_dead_jobs_are_listed_and_replayed(jobs: Jobs, trellis: Run) -> None:
    submitted = [await jobs.store.submit(job(key)) for key in "ab"]
    for _ in range(RULES.attempts * 2):
        taken = await take(jobs)
        await jobs.queue.retry(taken.lease, 0, "the model\nis\x1b[31m down", None)
        await jobs.queue.move_due()
    status, out, _ = await trellis("dead")
    assert status == 0
    assert out.count("the model?is?[31m down") == 2
    assert await trellis("replay", submitted[0].id) == (0, f"{submitted[0].id} queued\n", "")
    status, _, err = await trellis("replay", submitted[0].id)
    assert status == 1
    assert "only a dead job can be replayed" in err
    assert await trellis("replay", "--all") == (0, f"{submitted[1].id} queued\n", "")
    assert (await jobs.store.backlog()).queued == 2


async def test_what_cannot_be_done_is_said_in_one_sentence(trellis: Run) -> None:
    status, _, err = await trellis("show", "nothing")
    assert (status, err) == (
        1,
        "trellis jobs: no job 'nothing'; it never was, or its time is over\n",
    )
    status, _, err = await trellis("replay")
    assert status == 2
    assert "name jobs, or give --all" in err
    status, _, err = await trellis("--redis_url", "redis://127.0.0.1:1", "list")
    assert status == 1
    assert "the store of jobs does not answer" in err
