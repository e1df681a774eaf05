"""``trellis jobs``: see, replay and cancel jobs, in the Redis that gateways and workers share."""

import argparse
import asyncio
import math
import sys
from collections.abc import Sequence
from typing import get_args

import orjson
from prometheus_client import CollectorRegistry
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from trellis.gateway.errors import JobsDown
from trellis.gateway.jobs.document import EMBEDDED_BYTES, job_document, rfc3339
from trellis.gateway.jobs.keys import JobKeys
from trellis.gateway.jobs.store import RECENT, Bounds, JobStore
from trellis.gateway.jobs.types import JobRecord, JobState
from trellis.gateway.jobs.waiting import Waiting
from trellis.gateway.redis_clients import durable_redis
from trellis.gateway.settings import RedisPrefix
from trellis.telemetry.logs import configure
from trellis.telemetry.metrics import GatewayMetrics

_COLUMNS = ("ID", "STATE", "MODEL", "ATTEMPTS", "CREATED", "ERROR")


class _Settings(BaseSettings):
    """Where the jobs are: as the gateway's settings of the same names."""

    model_config = SettingsConfigDict(
        env_prefix="TRELLIS_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    redis_url: SecretStr | None = None
    redis_prefix: RedisPrefix = "trellis"
    job_backlog: int = 10_000
    job_result_seconds: int = 24 * 3600


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of them; 1 where Redis does not answer or there is no such job, 2 on misuse."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.action == "replay" and not options.ids and not options.all:
        parser.error("replay: name jobs, or give --all")
    given = {
        name: value
        for name in ("redis_url", "redis_prefix")
        if (value := getattr(options, name)) is not None
    }
    configure("jobs", "error", sys.stderr)
    try:
        settings = _Settings(**given)
        if settings.redis_url is None:
            return _complain("no Redis is named; give --redis_url or TRELLIS_REDIS_URL", 2)
        return asyncio.run(_run(options, settings, settings.redis_url.get_secret_value()))
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            _complain(f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}", 2)
        return 2
    except (JobsDown, ValueError) as error:
        return _complain(str(error), 1)


async def _run(options: argparse.Namespace, settings: _Settings, url: str) -> int:
    redis = durable_redis(url, max_connections=4)
    try:
        keys = JobKeys(settings.redis_prefix)
        bounds = Bounds(settings.job_backlog, settings.job_result_seconds)
        metrics = GatewayMetrics(CollectorRegistry())
        store = JobStore(redis, keys, bounds, Waiting(redis, keys), metrics)
        match options.action:
            case "list":
                return await _list(store, options.state, options.count)
            case "dead":
                return await _list(store, "dead", options.count)
            case "show":
                return await _show(store, options.id, result=options.result)
            case "replay":
                dead = await store.listed("dead", RECENT) if options.all else []
                return await _replay(store, [*options.ids, *(job.id for job in dead)])
            case _:
                return await _cancel(store, options.ids)
    finally:
        await redis.aclose()


async def _list(store: JobStore, state: JobState | None, count: int) -> int:
    rows: list[tuple[str, ...]] = [_COLUMNS, *map(_row, await store.listed(state, count))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    backlog = await store.backlog()
    counts = ", ".join(f"{count} {where}" for where, count in backlog._asdict().items())
    sys.stderr.write(f"in all: {counts}\n")
    return 0


def _row(job: JobRecord) -> tuple[str, ...]:
    error = "".join(letter if letter.isprintable() else "?" for letter in job.error or "")
    return (
        job.id,
        job.state,
        job.model,
        str(job.attempts),
        rfc3339(job.created_at) or "",
        error[:80],
    )


async def _show(store: JobStore, job_id: str, *, result: bool) -> int:
    job = await store.get(job_id, math.inf if result else EMBEDDED_BYTES)
    if job is None:
        return await _unknown(store, job_id)
    if result:
        sys.stdout.buffer.write(job.body)
    else:
        document = {**job_document(job), "method": job.method, "path": job.path}
        sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")
    return 0


async def _replay(store: JobStore, ids: Sequence[str]) -> int:
    status = 0
    for job_id in ids:
        job = await store.get(job_id)
        if job is None:
            status = await _unknown(store, job_id)
        elif job.state != "dead":
            status = _complain(f"{job_id} is {job.state}; only a dead job can be replayed", 1)
        else:
            await store.replay(job_id)
            sys.stdout.write(f"{job_id} queued\n")
    return status


async def _cancel(store: JobStore, ids: Sequence[str]) -> int:
    status = 0
    for job_id in ids:
        job = await store.cancel(job_id)
        if job is None:
            status = await _unknown(store, job_id)
        elif job.state != "cancelled":
            status = _complain(f"{job_id} is {job.state}, so there is nothing to cancel", 1)
        else:
            sys.stdout.write(f"{job_id} cancelled\n")
    return status


async def _unknown(store: JobStore, job_id: str) -> int:
    if await store.lost(job_id):
        return _complain(
            f"job {job_id!r} is gone: the store of jobs has lost everything it held", 1
        )
    return _complain(f"no job {job_id!r}; it never was, or its time is over", 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trellis jobs", description=__doc__)
    parser.add_argument("--redis_url", help="else TRELLIS_REDIS_URL")
    parser.add_argument("--redis_prefix", help="else TRELLIS_REDIS_PREFIX")
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="the newest jobs, or those in one state")
    listing.add_argument("--state", choices=get_args(JobState))
    dead = actions.add_parser("dead", help="jobs that were given up, with the last error")
    for one in (listing, dead):
        one.add_argument("--count", type=_positive, default=50, help="at most so many (50)")
    show = actions.add_parser("show", help="one job as JSON")
    show.add_argument("id")
    show.add_argument("--result", action="store_true", help="only its answer's body, as it came")
    replay = actions.add_parser("replay", help="queue dead jobs again, as if they were new")
    replay.add_argument("ids", metavar="id", nargs="*")
    replay.add_argument("--all", action="store_true", help=f"every dead one, up to {RECENT}")
    cancel = actions.add_parser("cancel", help="end jobs that are not over")
    cancel.add_argument("ids", metavar="id", nargs="+")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _complain(sentence: str, status: int) -> int:
    sys.stderr.write(f"trellis jobs: {sentence}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
