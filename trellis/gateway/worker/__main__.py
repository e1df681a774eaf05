"""``python -m trellis.gateway.worker``: one worker, drained at SIGTERM."""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

import uvloop

from trellis.gateway.app import gateway_app
from trellis.gateway.command_line import settings_or_complaint
from trellis.gateway.jobs.callback_opening import open_callbacks
from trellis.gateway.jobs.execution import Execution
from trellis.gateway.jobs.keys import JobKeys, new_name
from trellis.gateway.jobs.lease import Leases
from trellis.gateway.jobs.notices import SILENCE_SECONDS
from trellis.gateway.jobs.opening import job_queue, rules_of
from trellis.gateway.jobs.queue import JobQueue
from trellis.gateway.jobs.reclaim import Reclaimer
from trellis.gateway.listening import CannotListen
from trellis.gateway.parts import Parts, open_parts
from trellis.gateway.redis_clients import blocking_redis, durable_redis
from trellis.gateway.settings import Settings
from trellis.gateway.worker.attempt import Attempts
from trellis.gateway.worker.first_table import first_table
from trellis.gateway.worker.loop import Worker
from trellis.gateway.worker.probe import probe_server
from trellis.gateway.worker.reading import BLOCK_SECONDS, Reading
from trellis.telemetry.logs import configure, get_logger
from trellis.web.pauses import Pauses


async def work(settings: Settings, url: str) -> None:
    """Run jobs of the Redis at ``url`` until SIGTERM or SIGINT. Raises ``CannotListen``."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        redis, blocking = durable_redis(url), blocking_redis(url, BLOCK_SECONDS)
        listening = blocking_redis(url, SILENCE_SECONDS)
        for client in (redis, blocking, listening):
            stack.push_async_callback(client.aclose)
        parts = await stack.enter_async_context(open_parts(settings))
        keys, queue = JobKeys(settings.redis_prefix), job_queue(settings, redis, parts.metrics)
        rules, lease = rules_of(settings), settings.job_lease_seconds
        consumer = f"{socket.gethostname()}-{os.getpid()}-{new_name()[:8]}"
        leases = Leases(redis, keys, lease)
        reading = Reading(blocking, keys, queue, consumer)
        reclaimer = Reclaimer(redis, keys, rules, lease, leases, parts.metrics)
        for each in (queue, leases, reclaimer):
            stack.push_async_callback(each.settle)
        worker = Worker(
            listening,
            keys,
            queue,
            reading,
            _attempts(parts, queue, leases),
            leases,
            reclaimer,
            consumer,
            settings.worker_concurrency,
            settings.grace_period,
        )
        if parts.jobs is not None:
            await stack.enter_async_context(
                open_callbacks(settings, redis, parts.jobs, parts.callback_targets, parts.metrics)
            )
        probe = probe_server(
            settings.host,
            settings.worker_port,
            lambda: parts.holder.ready and reading.connected and not stop.is_set(),
        )
        probing = asyncio.create_task(probe.run_until_stopped())
        get_logger().info("worker begins", worker=consumer, probe_port=settings.worker_port)
        source = "file" if settings.routing_table_url is None else "url"
        await first_table(parts.holder, source, stop)
        await worker.run(stop)
        probe.should_exit = True
        await probing


def _attempts(parts: Parts, queue: JobQueue, leases: Leases) -> Attempts:
    settings = parts.settings
    execution = Execution(gateway_app(parts), settings.job_max_body_bytes)
    pauses = Pauses(settings.job_retry_seconds, settings.job_retry_max_seconds, least=0.0)
    return Attempts(queue, leases, execution, parts.holder, pauses, parts.exposures.met)


def main(argv: Sequence[str] | None = None) -> int:
    """Read the settings and work; 2 where a setting does not fit, 1 where a port cannot be had."""
    settings = settings_or_complaint(
        sys.argv[1:] if argv is None else argv, "python -m trellis.gateway.worker"
    )
    if settings is None:
        return 2
    if settings.redis_url is None:
        sys.stderr.write("redis_url: a worker takes its jobs from there; it must be set\n")
        return 2
    configure("worker", settings.log_level)
    # What is loaded by now stays; looking through it again would only cost.
    gc.freeze()
    try:
        uvloop.run(work(settings, settings.redis_url.get_secret_value()))
    except CannotListen as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
