"""KServe's ``ModelServer`` with our routes in front and a life of its own: load, serve, drain."""

import asyncio
import gc
import signal
import sys

import kserve
import uvloop

from trellis.serving.admission import Admission
from trellis.serving.catalogue import default_versions, load_order, read_folders
from trellis.serving.dataplane import DataPlane
from trellis.serving.grpc.server import GrpcServer
from trellis.serving.grpc.servicer import InferenceServicer
from trellis.serving.opening import Opening
from trellis.serving.repository import Repository
from trellis.serving.rest.app import RestApp
from trellis.serving.rest.docs import Docs
from trellis.serving.rest.http import BodyLimits
from trellis.serving.rest.infer import Bounds, InferRoutes
from trellis.serving.rest.routes import QuietRoutes
from trellis.serving.rest.server import RestServer, kserve_application, listening_socket
from trellis.serving.settings import ServingSettings
from trellis.serving.workers import tell_ready
from trellis.telemetry import logs
from trellis.telemetry.metrics import ServingMetrics

#: The compute thread and the event loop share the interpreter; at Python's default of 5 ms a
#: busy one keeps the other waiting longer than a whole request takes.
_SWITCH_INTERVAL = 0.0005


class TrellisServer(kserve.ModelServer):  # type: ignore[misc]  # kserve ships no types
    """One process that serves the versions below ``settings.folder``.

    Parameters: ``settings``; ``parent``, in one of several workers that listen together, a file
    descriptor that ends when their parent does.
    Raises ``VersionFolderError`` where there is nothing to serve.
    """

    def __init__(self, settings: ServingSettings, *, parent: int | None = None) -> None:
        super().__init__(
            http_port=settings.http_port,
            grpc_port=settings.grpc_port,
            workers=1,
            enable_grpc=settings.enable_grpc,
            enable_docs_url=False,
            enable_latency_logging=False,
        )
        logs.configure("trellis.serving", settings.log_level)
        self._log = logs.get_logger()
        self._settings = settings
        self._parent = parent
        self._folders = read_folders(settings.folder, settings.model_name)
        self._defaults = default_versions(self._folders, settings.default_versions)
        self._opening = Opening(settings, ServingMetrics())
        self._admission = Admission(settings.max_inflight_requests, settings.max_inflight_bytes)

    def start(self, models: list[kserve.Model] | None = None) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises ``SystemExit`` where a port is taken or nothing could be loaded.
        """
        sys.setswitchinterval(_SWITCH_INTERVAL)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        if self._parent is not None:
            _when_ended(self._parent, stopping)
        settings, opening = self._settings, self._opening
        repository = Repository(
            self._folders, self._defaults, opening.open, opening.wrap, settings.max_loaded_versions
        )
        dataplane = DataPlane(
            repository, self._admission, opening.threads, settings.request_timeout
        )
        quiet, nobody = QuietRoutes(dataplane, alone=self._parent is None), opening.nobody()
        bounds = Bounds(settings.max_request_rows, settings.access_log)
        rest = RestServer(
            RestApp(
                InferRoutes(dataplane, bounds, nobody),
                quiet,
                Docs(repository),
                kserve_application(self),
                BodyLimits(settings.max_body_bytes, settings.request_timeout),
            ),
            settings,
        )
        listener = listening_socket(
            settings.host, settings.http_port, shared=self._parent is not None
        )
        grpc_server = None
        if settings.enable_grpc:
            servicer = InferenceServicer(dataplane, quiet, settings.max_request_rows, nobody)
            grpc_server = GrpcServer(servicer, settings, shared=self._parent is not None)
            await grpc_server.start()
        serving = asyncio.create_task(rest.serve(sockets=[listener]))
        try:
            if await self._loaded(repository, stopping):
                await self._become_ready(grpc_server)
                await self._until_stopped(stopping, serving)
                await self._drain(repository, rest, serving, grpc_server)
        finally:
            rest.should_exit = True
            await asyncio.wait({serving})
            if grpc_server is not None:
                await grpc_server.stop(0)
            await repository.close(self._settings.grace_period)
            dataplane.close()

    async def _loaded(self, repository: Repository, stopping: asyncio.Event) -> bool:
        """Load what an eager start loads; False where a signal came first."""
        if self._settings.loading == "lazy":
            return True
        keys = load_order(self._folders, self._defaults)[: self._settings.max_loaded_versions]
        loading = asyncio.gather(*(repository.load(key) for key in keys), return_exceptions=True)
        stopped = asyncio.create_task(stopping.wait())
        waiting: set[asyncio.Future[object]] = {loading, stopped}  # type: ignore[arg-type]  # futures are invariant
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not loading.done():
            return False
        if all(isinstance(result, BaseException) for result in loading.result()):
            reasons = "; ".join(f"{m}/{v}: {repository.state((m, v))[1]}" for m, v in keys)
            raise SystemExit(f"nothing could be loaded: {reasons}")
        return True

    async def _become_ready(self, grpc_server: GrpcServer | None) -> None:
        # What is loaded stays: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        self._admission.ready = True
        if grpc_server is not None:
            await grpc_server.set_ready(ready=True)
        if self._parent is not None:
            tell_ready()
        self._log.info(
            "ready",
            models={model: list(versions) for model, versions in self._folders.items()},
            http_port=self._settings.http_port,
            grpc_port=self._settings.grpc_port if grpc_server else None,
        )

    async def _until_stopped(self, stopping: asyncio.Event, serving: asyncio.Task[None]) -> None:
        """Wait for a signal; a listener that ends before one is told as the failure it is."""
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait({stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if serving.done():
            reason = serving.exception() or "it ended by itself"
            raise SystemExit(f"http_port {self._settings.http_port} is not served: {reason}")

    async def _drain(
        self,
        repository: Repository,
        rest: RestServer,
        serving: asyncio.Task[None],
        grpc_server: GrpcServer | None,
    ) -> None:
        """Not ready, then no new connections, then wait for what was accepted."""
        self._admission.ready = False
        self._log.info("draining", inside=self._admission.inside)
        if grpc_server is not None:
            await grpc_server.set_ready(ready=False)
        await asyncio.sleep(self._settings.drain_delay)
        rest.should_exit = True  # each open connection ends with the answer that it waits for
        grace = self._settings.grace_period
        ending = {serving}
        if grpc_server is not None:
            ending.add(asyncio.create_task(grpc_server.stop(grace)))
        _, late = await asyncio.wait(ending, timeout=grace)
        if late:
            self._log.error("requests cut off", inside=self._admission.inside, after=grace)
            repository.abandon()
            await asyncio.wait(late)


def _when_ended(pipe: int, stopping: asyncio.Event) -> None:
    """Stop when the other end of ``pipe`` is closed: whoever looks after this process is gone."""
    loop = asyncio.get_running_loop()

    def ended() -> None:
        loop.remove_reader(pipe)
        stopping.set()

    loop.add_reader(pipe, ended)
