"""``python -m tests.bench.controller``: one controller with many Rollouts, against its limits."""

import argparse
import asyncio
import contextlib
import resource
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.bench.controller.installed import install
from tests.bench.controller.measured import Acted, Steady, running, steady, verdict
from tests.bench.controller.report import Found, document
from tests.bench.controller.world import NAMESPACE, World, opened
from tests.bench.processes import ROOT, Server
from tests.bench.report import Section, write
from tests.integration.redis_server import RedisServer
from tests.integration.rollout.api_server import ApiServer

_SECTION = Section("controller", "Controller", "")


def main() -> int:
    """Prints the tables, and writes ``docs/rollout/controller.md`` where asked to.

    Returns 2 where this machine lacks a program, 143 where it was told to end.
    """
    given = _arguments()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder: Path = given.scratch.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        found = asyncio.run(_ended_gently(_measured(given, folder)))
    except pytest.skip.Exception as lacking:
        print(f"bench: {lacking.msg}", file=sys.stderr)
        return 2
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    text = document(found)
    print(text)
    if given.write:
        write(ROOT / "docs" / "rollout" / "controller.md", _SECTION, text)
    return 0


async def _ended_gently(measured: Coroutine[Any, Any, Found]) -> Found:
    """SIGTERM ends it as an interrupt does, and with it whatever it started."""
    task = asyncio.ensure_future(measured)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _measured(given: argparse.Namespace, folder: Path) -> Found:
    few, times = min(given.in_step, given.services), given.verdicts
    found = Found(given.services, given.rate, starts := {}, states := [], acted := {})
    async with _around(folder, given.rate) as (world, server):
        await world.fill(given.services)
        _tell("the controller starts for the first time")
        async with running(server, given.services) as seconds:
            starts["the first, no Rollout has a status"] = seconds
        async with running(server, given.services) as seconds:
            starts["again"] = seconds
            states.append(await _steady(server, world, "all idle", given))
            await world.begin_steps(world.names[:few])
            states.append(await _steady(server, world, f"{few} in a step", given))
            acted[f"with {few} in a step"] = await _verdicts(world, world.names[:times])
            if given.all and given.services > few:
                await world.begin_steps(world.names[few:])
                states.append(await _steady(server, world, "all in a step", given))
                others = world.names[few : few + times]
                acted["with all in a step"] = await _verdicts(world, others)
    return found


async def _steady(server: Server, world: World, title: str, given: argparse.Namespace) -> Steady:
    _tell(f"{title}: {given.settle:g} s until it is steady, then {given.seconds:g} s")
    await asyncio.sleep(given.settle)
    found = await steady(server, world, title, given.seconds)
    _tell(f"{title}: {found.cores:.3f} cores, {found.resident:.0f} MB, {found.pages:.0f} pages/s")
    return found


async def _verdicts(world: World, names: Sequence[str]) -> list[Acted]:
    found = []
    for name in names:
        acted = await verdict(world, name)
        _tell(f"{name}: {acted.total:.1f} s to weight 0, {acted.own:.2f} s of them its own")
        found.append(acted)
    return found


@contextlib.asynccontextmanager
async def _around(folder: Path, rate: float) -> AsyncIterator[tuple[World, Server]]:
    """All that the controller needs, and its process, to be started."""
    with _processes(folder) as (api, redis):
        async with opened(api, rate, _tell) as world:
            yield world, await asyncio.to_thread(install, api, NAMESPACE, folder, redis)


@contextlib.contextmanager
def _processes(folder: Path) -> Iterator[tuple[ApiServer, RedisServer]]:
    api, redis = ApiServer(folder / "api-server"), RedisServer(folder)
    _tell("the API server and Redis start")
    try:
        api.start()
        redis.start()
        yield api, redis
    finally:
        redis.stop()
        api.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.controller", description=__doc__)
    parser.add_argument("--services", type=int, default=1000, help="with a Rollout each")
    parser.add_argument("--in-step", type=int, default=50, help="in a step at once, of these")
    parser.add_argument("--seconds", type=float, default=60, help="of each steady state")
    parser.add_argument("--settle", type=float, default=15, help="seconds before each")
    parser.add_argument("--verdicts", type=int, default=8, help="canaries that err, in turn")
    parser.add_argument("--rate", type=float, default=500, help="requests/s to each service")
    parser.add_argument(
        "--all",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether all are in a step in the end",
    )
    parser.add_argument("--scratch", type=Path, default=ROOT / "artifacts" / "bench-controller")
    parser.add_argument("--write", action="store_true", help="write the page")
    given = parser.parse_args()
    if not 0 < given.verdicts <= min(given.in_step, given.services):
        parser.error("--verdicts must be from 1 to --in-step and --services")
    return given


def _tell(progress: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')} {progress}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
