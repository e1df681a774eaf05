"""One predictor process a revision: which run, which are ready, what each said of itself."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from trellis.local.child import Child, ChildState, Plan
from trellis.local.command import model_name, predictor_command, predictor_environment
from trellis.local.events import Events
from trellis.local.revisions import Revision

#: A revision that died this often without having been ready once will not come up by itself.
_DEATHS_OF_A_FAILURE = 2
_METADATA_RETRY_SECONDS = 0.5


@dataclass(frozen=True)
class Facts:
    """What a ready revision says of itself."""

    version: str
    fingerprint: str


class Supervisor:
    """Starts, watches and drains the predictors; ``on_change`` is called when any changes."""

    def __init__(
        self, models: Path, logs: Path, events: Events, on_change: Callable[[], None]
    ) -> None:
        self._models, self._logs = models, logs
        self._events, self._on_change = events, on_change
        self.children: dict[str, Child] = {}
        self.facts: dict[str, Facts] = {}
        self._names: dict[str, str] = {}  #: revision to the model name it answers to
        self._places = asyncio.Semaphore(cores())
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining: set[str] = set()

    def ensure(self, service: str, revision: Revision) -> None:
        """Run ``revision``; one that is still draining is started again after that."""
        if revision.name in self.children:
            return
        template = revision.template
        self._names[revision.name] = model_name(service, template)
        plan = Plan(
            name=revision.name,
            command=lambda http_port, grpc_port: predictor_command(
                service, template, self._models, http_port, grpc_port
            ),
            environment=predictor_environment(revision.name, service, template),
            log=self._logs / f"{revision.name}.log",
        )
        child = Child(plan, self._changed, self._places)
        self.children[revision.name] = child
        child.start()

    def drop(self, revisions: Sequence[str], unrouted: Callable[[], Awaitable[None]]) -> None:
        """Drain and stop revisions once ``unrouted`` returns, when no request comes to them any
        more. Returns at once; one that is being dropped already is left alone.
        """
        new = [name for name in revisions if name not in self._draining]
        if new:
            self._draining.update(new)
            self._spawn(self._drop(new, unrouted))

    def ready(self) -> set[str]:
        """Revisions that came up and told their version; one that died since is still counted,
        for it is being restarted and requests wait for it.
        """
        return {name for name in self.facts if name not in self._draining}

    def failed(self) -> set[str]:
        """Revisions that died at every start so far."""
        return {
            name
            for name, child in self.children.items()
            if not child.was_ready and child.backoff.deaths >= _DEATHS_OF_A_FAILURE
        }

    def answers_to(self, revision: str) -> str:
        """The model name that a revision's process serves."""
        return self._names[revision]

    async def stop(self) -> None:
        """Drain all and wait."""
        await asyncio.gather(*(child.stop() for child in self.children.values()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _drop(
        self, revisions: Sequence[str], unrouted: Callable[[], Awaitable[None]]
    ) -> None:
        await unrouted()
        await asyncio.gather(*(self._drain(name) for name in revisions))
        self._on_change()

    async def _drain(self, revision: str) -> None:
        await self.children[revision].stop()
        del self.children[revision]
        self.facts.pop(revision, None)
        self._draining.discard(revision)
        self._events.add(f"{revision} drained and stopped")

    def _changed(self, child: Child) -> None:
        name = child.plan.name
        if child.state is ChildState.READY:
            seconds = time_words(child.start_seconds)
            self._events.add(f"{name} ready after {seconds}")
            if name not in self.facts:
                self._spawn(self._learn(child))
        elif child.state is ChildState.RESTARTING:
            self._events.add(f"{name} {child.reason}; starting it again", "error")
        self._on_change()

    async def _learn(self, child: Child) -> None:
        """Ask a ready revision for its version and fingerprint, until it tells."""
        name = child.plan.name
        complained = False
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while child.state is ChildState.READY:
                url = f"{child.url}/v2/models/{self.answers_to(name)}"
                try:
                    async with session.get(url) as answer:
                        answer.raise_for_status()
                        metadata = await answer.json()
                    version = str(metadata.get("version") or metadata["versions"][0])
                    fingerprint = str(metadata.get("fingerprint") or "")
                except (aiohttp.ClientError, TimeoutError, ValueError, LookupError) as error:
                    if not complained:
                        self._events.add(f"{name} does not tell its version: {error}", "warning")
                    complained = True
                    await asyncio.sleep(_METADATA_RETRY_SECONDS)
                else:
                    self.facts[name] = Facts(version, fingerprint)
                    self._on_change()
                    return

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def time_words(seconds: float) -> str:
    """``0.4 s``, ``12 s``."""
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # two digits
