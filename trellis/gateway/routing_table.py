"""Where the routing table comes from: a file that is read again, or a URL that is followed.

A table is swapped whole. One that cannot be read is refused with a log line and a count, while
the last good one stays in use.
"""

import asyncio
import os
import random
import socket
import time
from pathlib import Path

import aiohttp
from pydantic import ValidationError

from trellis.contracts.routing_table import RoutingTable
from trellis.gateway.errors import NotReady
from trellis.gateway.healths import Healths
from trellis.gateway.metering import Meters
from trellis.gateway.router import Router
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import GatewayMetrics

#: Seconds that the table's server may hold a long-poll.
POLL_SECONDS = 25
#: Seconds between two looks at a file, and the least between two requests for a URL that fails.
FILE_SECONDS = 0.5
BACKOFF_SECONDS = (0.2, 5.0)


class TableHolder:
    """The router in use; ``default_model`` overrides the tables' own."""

    def __init__(
        self,
        metrics: GatewayMetrics,
        meters: Meters,
        healths: Healths,
        default_model: str | None = None,
    ) -> None:
        self._metrics = metrics
        self._meters = meters
        self._healths = healths
        self._default_model = default_model
        self._router: Router | None = None
        #: Where the table in use comes from.
        self.source: str | None = None
        #: Set at SIGTERM: requests are still answered, but no new ones are asked for.
        self.draining = False

    @property
    def ready(self) -> bool:
        """Whether new requests are welcome: there is a table and the process is not ending."""
        return self._router is not None and not self.draining

    @property
    def router(self) -> Router:
        """The router of the last good table; raises ``NotReady`` before the first."""
        if self._router is None:
            raise NotReady("the gateway has no routing table yet; try again in a moment")
        return self._router

    def offer(self, document: bytes, source: str) -> bool:
        """Put a table in use if it can be read; tells whether it was. ``source`` is file or url."""
        try:
            table = RoutingTable.model_validate_json(document)
        except ValidationError as error:
            self._metrics.table_refused.inc()
            first = error.errors(include_url=False, include_input=False)[0]
            get_logger().error(
                "routing table refused, the last good one stays",
                source=source,
                field=".".join(str(part) for part in first["loc"]),
                problem=first["msg"],
                problems=error.error_count(),
            )
            return False
        self._router = router = Router(table, self._meters, self._healths, self._default_model)
        self.source = source
        targets = [target for route in router.routes.values() for target in route.targets]
        self._healths.in_use({target.health for target in targets})
        who = {(target.model, target.arm.version, target.arm.revision) for target in targets}
        self._meters.in_use(who, time.monotonic())
        self._metrics.table_version.set(table.version)
        get_logger().info(
            "routing table in use",
            source=source,
            version=table.version,
            models=sorted(table.models),
        )
        return True


async def follow_file(path: Path, holder: TableHolder) -> None:
    """Read ``path`` now and whenever its bytes change, until cancelled.

    The bytes are compared, not the times: a mounted ConfigMap changes by a swapped symlink.
    """
    last: bytes | None = None
    missing = False
    while True:
        try:
            document = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            if not missing:
                get_logger().warning(
                    "routing table file cannot be read", file=path.name, problem=error.strerror
                )
            missing = True
        else:
            missing = False
            if document != last:
                last = document
                holder.offer(document, "file")
        await asyncio.sleep(FILE_SECONDS)


async def follow_url(
    url: str, token: str | None, session: aiohttp.ClientSession, holder: TableHolder
) -> None:
    """Fetch the table and follow its changes by long-poll, until cancelled.

    ``token`` is shown to its server, which is the controller; None where it asks for none.
    Failures are retried with growing pauses; the log says when they begin and when they end.
    """
    etag: str | None = None
    pause = BACKOFF_SECONDS[0]
    failing = False
    loop = asyncio.get_running_loop()
    timeout = aiohttp.ClientTimeout(total=POLL_SECONDS + 10, sock_connect=5)
    # By its name its server knows which table this process holds.
    shown = {"x-trellis-instance": f"{socket.gethostname()}-{os.getpid()}"}
    if token is not None:
        shown["authorization"] = f"Bearer {token}"
    while True:
        known = {"prefer": f"wait={POLL_SECONDS}", "if-none-match": etag} if etag else {}
        asked = loop.time()
        try:
            async with session.get(url, headers=shown | known, timeout=timeout) as response:
                if response.status not in {200, 304}:
                    raise aiohttp.ClientResponseError(
                        response.request_info, (), status=response.status, message="not a table"
                    )
                if response.status == 200:
                    etag = response.headers.get("etag")
                    holder.offer(await response.read(), "url")
        except (aiohttp.ClientError, TimeoutError) as error:
            if not failing:
                get_logger().warning(
                    "routing table cannot be fetched", problem=str(error) or "timeout"
                )
            failing = True
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, BACKOFF_SECONDS[1])
        else:
            if failing:
                get_logger().info("routing table can be fetched again")
            failing, pause = False, BACKOFF_SECONDS[0]
            unchanged = response.status == 304
            if etag is None or (unchanged and loop.time() - asked < 1):
                # A server without ETags or long-polls is asked now and then instead.
                await asyncio.sleep(1)


async def follow(
    url: str | None,
    token: str | None,
    file: Path | None,
    session: aiohttp.ClientSession,
    holder: TableHolder,
) -> None:
    """Follow the sources that are given; a file beside a URL serves the cold start only."""
    if url is None:
        if file is not None:
            await follow_file(file, holder)
        return
    if file is not None:
        try:
            holder.offer(await asyncio.to_thread(file.read_bytes), "file")
        except OSError as error:
            get_logger().warning(
                "routing table file cannot be read", file=file.name, problem=error.strerror
            )
    await follow_url(url, token, session, holder)
