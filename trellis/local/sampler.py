"""Looks at the gateway's metrics and at every revision once a second, for the view."""

import asyncio
import contextlib
import time

import aiohttp

from trellis.local import revisions
from trellis.local.child import Child, ChildState
from trellis.local.fleet import Fleet
from trellis.local.traffic import Page, Traffic, Window, parse
from trellis.local.view import RevisionRow

_SECONDS = 1.0


class Sampler:
    """The recent traffic of each revision, and how long each has been silent."""

    def __init__(self, fleet: Fleet, metrics_url: str) -> None:
        self._fleet = fleet
        self._metrics_url = metrics_url
        self._windows: dict[str, Window] = {}
        self._heard: dict[str, float] = {}  #: monotonic time of the last sign of life

    async def run(self) -> None:
        """Look each second, until cancelled."""
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                children = self._fleet.supervisor.children
                self._windows = {name: self._windows.get(name) or Window() for name in children}
                ready = [child for child in children.values() if child.state is ChildState.READY]
                await asyncio.gather(
                    self._read_traffic(session), *(self._listen(session, child) for child in ready)
                )
                await asyncio.sleep(_SECONDS)

    def rows(self) -> list[tuple[str, list[RevisionRow]]]:
        """The revisions of each service that have a process, the newest last; then those of no
        service any more, which drain.
        """
        shown: set[str] = set()
        models = []
        for service in self._fleet.desired:
            state = self._fleet.services[service]
            rows = [
                self._row(child, state)
                for name, child in sorted(self._fleet.supervisor.children.items())
                if name.rpartition("-")[0] == service
            ]
            shown.update(row.revision for row in rows)
            models.append((service, rows))
        for name, child in self._fleet.supervisor.children.items():
            if name not in shown:
                models.append((name.rpartition("-")[0], [self._row(child, None)]))
        return models

    def _row(self, child: Child, state: revisions.ServiceState | None) -> RevisionRow:
        name = child.plan.name
        facts = self._fleet.supervisor.facts.get(name)
        window = self._windows.get(name)
        return RevisionRow(
            revision=name,
            version=facts.version if facts else "",
            share=state.traffic.get(name, 0) if state else 0,
            role=revisions.role(state, name) if state else "",
            state=child.state,
            reason=child.reason,
            seconds=time.monotonic() - child.since,
            silent_seconds=self._silent_seconds(child),
            traffic=window.traffic() if window else Traffic(),
        )

    def _silent_seconds(self, child: Child) -> float:
        """Since a ready process last answered; it may hang, or have too much to do."""
        if child.state is not ChildState.READY:
            return 0.0
        return time.monotonic() - max(self._heard.get(child.plan.name, 0.0), child.since)

    async def _read_traffic(self, session: aiohttp.ClientSession) -> None:
        # A page that does not come in time is no news: the next one has its counts.
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.get(self._metrics_url) as answer:
                pages = parse(await answer.text())
            now = time.monotonic()
            for revision, window in self._windows.items():
                window.add(now, pages.get(revision, Page()))

    async def _listen(self, session: aiohttp.ClientSession, child: Child) -> None:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.get(f"{child.url}/v2/health/live"):
                self._heard[child.plan.name] = time.monotonic()
