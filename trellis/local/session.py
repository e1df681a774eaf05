"""One local run: its parts wired together, started, and drained in order."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

from trellis.local.arms import Arms
from trellis.local.child import ChildState
from trellis.local.control import Control
from trellis.local.events import Events
from trellis.local.findings import Severity
from trellis.local.fleet import Fleet
from trellis.local.front import Front
from trellis.local.manifests import Reading
from trellis.local.passes import Passes
from trellis.local.ports import in_url, reachable
from trellis.local.sampler import Sampler
from trellis.local.settings import UpSettings
from trellis.local.state import LocalState, StateFolder
from trellis.local.terminal import Output
from trellis.local.validate import read_and_check
from trellis.local.view import Screen
from trellis.local.watch import GONE_SECONDS, at_rest, edits
from trellis.rollout.http.server import ControlServer
from trellis.rollout.http.tables import TableServer
from trellis.telemetry.logs import get_logger

#: Between two tries to watch the manifests, at first and at most.
_WATCH_AGAIN_SECONDS, _LONGEST_WATCH_PAUSE = 2.0, 60.0
#: Until a task that was cancelled and runs on is cancelled again.
_CANCEL_AGAIN_SECONDS = 1.0


class Session:
    """Owns every process and task of one `trellis up`."""

    def __init__(
        self,
        paths: list[Path],
        models: Path,
        settings: UpSettings,
        folder: StateFolder,
        saved: LocalState,
        output: Output,
    ) -> None:
        self._paths, self._models, self._settings = paths, models, settings
        self._output, self._folder = output, folder
        self._events = Events(output.on_event)
        tables = TableServer()
        self._fleet = Fleet(folder, saved, tables, self._events, models, settings.default_model)
        self._token = secrets.token_urlsafe(32)
        arms = Arms(self._fleet)
        self._passes = Passes(self._fleet, arms, self._events, settings)
        control = Control(self._fleet, arms, self._passes.newest)
        # The table is no secret on this machine; what changes something asks for the token.
        self._control = ControlServer(
            tables, control, self._token, self._events.add, open_table=True
        )
        self._host = reachable(settings.host)
        self._address = f"http://{in_url(self._host)}:{settings.http_port}"
        metrics = f"http://{in_url(self._host)}:{settings.metrics_port}/metrics"
        self._sampler = Sampler(self._fleet, metrics)
        self._front = Front(settings, folder, saved, self._events)
        self._stop = asyncio.Event()

    async def run(self, reading: Reading) -> None:
        """Start, stay until ``ask_to_stop``, drain. A fault of ours drains too, then is raised."""
        await self._control.start("127.0.0.1", 0)
        self._folder.tell_controller(self._control.url, self._token)
        self._front.start(self._control.url, self._token)
        self._fleet.apply(reading.services, reading.rollouts, reading.experiments)
        view = asyncio.create_task(self._output.run(self._screen))
        work = [
            asyncio.create_task(part)
            for part in (
                self._fleet.run(),
                self._follow_edits(),
                self._sampler.run(),
                self._passes.run(self._front.redis_url),
            )
        ]
        stopping = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait({*work, view, stopping}, return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        await _cancelled(*work, stopping)
        await self._drain()
        await _cancelled(view)
        for task in done - {stopping}:
            task.result()

    def ask_to_stop(self) -> None:
        """Drain and end ``run``."""
        self._stop.set()
        self._events.add("stopping: requests in flight are answered first")

    def kill(self) -> None:
        """End every process at once."""
        self._front.kill()
        for child in self._fleet.supervisor.children.values():
            child.kill()

    async def _drain(self) -> None:
        await self._front.stop_taking()
        await self._fleet.supervisor.stop()
        await self._front.stop()
        await self._control.close()

    async def _follow_edits(self) -> None:
        pause = _WATCH_AGAIN_SECONDS
        while True:
            await self._take_edit()  # whatever was written since it was read last
            try:
                async for _ in edits(self._paths):
                    await self._take_edit()
            except Exception as error:  # noqa: BLE001  # no watch ends a run
                self._events.add(f"edits are not seen for {pause:.0f} s: {error}", "warning")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_WATCH_PAUSE)

    async def _take_edit(self) -> None:
        try:
            await self._read_and_apply()
        except Exception as error:  # noqa: BLE001  # no edit of the YAML ends a run
            get_logger().exception("an edit could not be taken")
            kind = type(error).__name__
            self._events.add(f"the edit: {kind}: {error}; the last good state stays", "error")

    async def _read_and_apply(self) -> None:
        reading = self._read_edit()
        if reading is None:
            return
        gone = set(self._fleet.desired) - {service.name for service in reading.services}
        over = set(self._fleet.experiments.manifests) - {one.name for one in reading.experiments}
        if gone or over:
            await asyncio.sleep(GONE_SECONDS)
            await at_rest(self._paths)
            reading = self._read_edit()
        if reading is not None:
            self._fleet.apply(reading.services, reading.rollouts, reading.experiments)

    def _read_edit(self) -> Reading | None:
        """The edited manifests; None, told as an event, where they are unfit."""
        try:
            reading = read_and_check(self._paths, self._models)
        except OSError as error:
            self._events.add(f"{error}; the last good state stays", "error")
            return None
        blocking = [found for found in reading.findings if found.severity is not Severity.NOTE]
        for found in blocking:
            self._events.add(f"{found.text()}; the last good state stays", "error")
        if blocking:
            return None
        if not reading.services:
            self._events.add("no InferenceService is left; the last good state stays", "error")
            return None
        return reading

    def _screen(self) -> Screen:
        gateway = self._front.gateway
        ready = gateway.state is ChildState.READY and not self._stop.is_set()
        return Screen(
            address=self._address,
            grpc_address=f"{in_url(self._host)}:{self._settings.grpc_port}",
            headline=self._headline(),
            ready=ready,
            models=self._sampler.rows(),
            gateway=gateway.state,
            gateway_reason=gateway.reason,
            events=list(self._events.recent),
            footer=f"edit {', '.join(map(str, self._paths))} to roll out · Ctrl-C drains and stops",
        )

    def _headline(self) -> str:
        if self._stop.is_set():
            left = [
                child.plan.name
                for child in (*self._front.children, *self._fleet.supervisor.children.values())
                if child.state is not ChildState.STOPPED
            ]
            return f"stopping: waiting for {', '.join(left)}" if left else "stopped"
        waiting = self._fleet.waiting_for
        if waiting:
            return f"waiting for {', '.join(waiting)}"
        if self._front.gateway.state is not ChildState.READY:
            return "waiting for the gateway"
        count = len(self._fleet.desired)
        return f"{count} models answer" if count > 1 else f"{self._fleet.desired[0]} answers"


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    left = set(tasks)
    while left:
        # A cancellation that meets a library's own timeout may be taken for that one.
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_SECONDS)
