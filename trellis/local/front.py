"""What stands before the predictors in a local run: the two Redis, the gateway, the worker."""

import asyncio
import os
import sys

from trellis.local.child import Child, ChildState, Plan
from trellis.local.events import Events
from trellis.local.ports import free_ports, reachable
from trellis.local.redis import RedisSockets, cache_plan, durable_plan
from trellis.local.settings import UpSettings
from trellis.local.state import LocalState, StateFolder

#: Of another gateway: here they are given by the supervisor, or are not to be.
_NOT_INHERITED = (
    "TRELLIS_ROUTING_TABLE_FILE",
    "TRELLIS_HTTP_PORT",
    "TRELLIS_GRPC_PORT",
    "TRELLIS_METRICS_PORT",
)


class Front:
    """Started Redis first, stopped Redis last; each is restarted where it dies."""

    def __init__(
        self, settings: UpSettings, folder: StateFolder, saved: LocalState, events: Events
    ) -> None:
        self._settings, self._folder = settings, folder
        self._events = events
        given = settings.cookie_secret
        # Its own secret would be new at each start, and every visitor somebody else.
        self._cookie_secret = given.get_secret_value() if given else saved.cookie_secret
        self._sockets: RedisSockets | None = None
        self._redis: list[Child] = []
        self._environment = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
        self.gateway = self._child(self._gateway_plan())
        self._workers: list[Child] = []
        self.redis_url = ""  #: the durable one's, once started

    @property
    def children(self) -> tuple[Child, ...]:
        """All of them."""
        return (self.gateway, *self._workers, *self._redis)

    def start(self, controller_url: str, controller_token: str) -> None:
        """Start them all; returns at once. The gateway waits for its first table by itself."""
        self._sockets = RedisSockets()
        given = self._settings.redis_url, self._settings.cache_redis_url
        plans = durable_plan, cache_plan
        urls = []
        for url, plan_of in zip(given, plans, strict=True):
            plan = plan_of(self._folder, self._sockets)
            if url is None:
                self._redis.append(self._child(plan))
            urls.append(url.get_secret_value() if url else self._sockets.url(plan.name))
        self.redis_url = urls[0]
        # The gateway's dashboard reads it, so it stays over restarts.
        (worker_port,) = free_ports(1)
        self._workers.append(self._child(self._worker_plan(worker_port)))
        self._environment |= {
            "TRELLIS_COOKIE_SECRET": self._cookie_secret,
            "TRELLIS_CONTROLLER_URL": controller_url,
            "TRELLIS_CONTROLLER_TOKEN": controller_token,
            "TRELLIS_ROUTING_TABLE_URL": f"{controller_url}/routing-table",
            "TRELLIS_REDIS_URL": urls[0],
            "TRELLIS_CACHE_REDIS_URL": urls[1],
            "TRELLIS_DASHBOARD_WORKERS": f"http://127.0.0.1:{worker_port}/metrics",
        }
        for child in (*self._redis, self.gateway, *self._workers):
            child.start()

    def kill(self) -> None:
        """End them at once."""
        for child in self.children:
            child.kill()

    async def stop_taking(self) -> None:
        """Drain the gateway and the worker, whose requests in flight still need the predictors."""
        await asyncio.gather(*(child.stop() for child in (self.gateway, *self._workers)))

    async def stop(self) -> None:
        """End the Redis, after all who use it."""
        await asyncio.gather(*(child.stop() for child in self._redis))
        if self._sockets is not None:
            self._sockets.close()

    def _gateway_plan(self) -> Plan:
        settings = self._settings

        def command(http_port: int, grpc_port: int) -> list[str]:
            where = ["--host", settings.host, "--metrics_port", str(settings.metrics_port)]
            ports = ["--http_port", str(http_port), "--grpc_port", str(grpc_port)]
            return [sys.executable, "-m", "trellis.gateway", *where, *ports]

        return Plan(
            name="gateway",
            command=command,
            environment=self._environment,
            log=self._folder.logs / "gateway.log",
            ports=(settings.http_port, settings.grpc_port),
            host=reachable(settings.host),
            # It is ready once it has a table, which may take as long as the slowest model.
            start_timeout=float("inf"),
        )

    def _worker_plan(self, port: int) -> Plan:
        def command(http_port: int, _grpc_port: int) -> list[str]:
            where = ["--host", "127.0.0.1", "--worker_port", str(http_port)]
            return [sys.executable, "-m", "trellis.gateway.worker", *where]

        return Plan(
            name="worker",
            command=command,
            environment=self._environment,
            log=self._folder.logs / "worker.log",
            ports=(port, 0),
            start_timeout=float("inf"),
        )

    def _child(self, plan: Plan) -> Child:
        return Child(plan, self._changed)

    def _changed(self, child: Child) -> None:
        if child.state is ChildState.RESTARTING:
            self._events.add(f"{child.plan.name} {child.reason}; starting it again", "error")
