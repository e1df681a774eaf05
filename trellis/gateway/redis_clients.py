"""The two Redis that the gateway knows: one that keeps what it accepts, one that may forget.

Keys begin with the setting ``redis_prefix``; those of one script share a hash tag, so that a
Redis Cluster could hold them. Commands are those of Redis 6.2.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

#: Seconds for a connection, and for an answer of the durable Redis: it may be writing to disk.
CONNECT_SECONDS = 2.0
DURABLE_SECONDS = 5.0
#: Seconds that a blocking read may wait on top of what it was asked to.
BLOCKING_MARGIN_SECONDS = 5.0


def durable_redis(url: str, *, max_connections: int = 64) -> Redis:
    """A pool for jobs, events, keys and limits: answers are bytes; nothing is tried again by itself.

    A command that timed out may have been done: whoever sends it must be able to send it again.
    """
    return _client(url, CONNECT_SECONDS, DURABLE_SECONDS, max_connections)


def blocking_redis(url: str, seconds: float, *, max_connections: int = 4) -> Redis:
    """As ``durable_redis``, for reads that block up to ``seconds``."""
    return _client(url, CONNECT_SECONDS, seconds + BLOCKING_MARGIN_SECONDS, max_connections)


def cache_redis(url: str, timeout: float, *, max_connections: int = 64) -> Redis:
    """A pool for the cache: ``timeout`` seconds to connect and as many for an answer."""
    return _client(url, timeout, timeout, max_connections)


@contextmanager
def heeding() -> Iterator[None]:
    """A context around calls of a client: raises ``CancelledError`` where one was lost in them.

    The client writes within ``asyncio.wait_for``, which until Python 3.12 loses a cancellation
    that comes in the moment in which the writing ends, well or not.
    """
    before = _cancellations()
    try:
        yield
    except Exception:
        if _cancellations() > before:
            raise asyncio.CancelledError from None
        raise
    if _cancellations() > before:
        raise asyncio.CancelledError


def _cancellations() -> int:
    """How often this task was asked to end."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _client(url: str, connect: float, answer: float, max_connections: int) -> Redis:
    # A local socket knows of no keep-alive.
    keepalive = {} if url.startswith("unix:") else {"socket_keepalive": True}
    client: Redis = Redis.from_url(
        url,
        socket_connect_timeout=connect,
        socket_timeout=answer,
        health_check_interval=0,
        max_connections=max_connections,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        **keepalive,
    )
    return client
