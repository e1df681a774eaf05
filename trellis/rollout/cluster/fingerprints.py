"""Which fingerprint each revision has, all that decides its answers, as its pods tell it.

Pods are asked, each once and by its own address: a service without any is woken by nobody. A new pod of
an old revision is asked too, and one whose container started anew, for a folder may have been published
anew in place. A revision has a fingerprint while all its pods say the same one. Nothing is remembered of
pods that have gone: what is known of a service without any is in the table (``keeping``).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from trellis.rollout.cluster.facts import PodFact, Revision
from trellis.rollout.cluster.metadata import Said, Silent
from trellis.rollout.seen import RevisionSeen
from trellis.telemetry.logs import get_logger

#: Seconds between two looks: pods change in bursts.
LOOK_SECONDS = 0.5
#: Seconds before a pod that told nothing is asked again: doubled from the first to the second.
PAUSE_SECONDS = (1.0, 300.0)
#: Pods asked at once: for the first time, and of those that told nothing so far.
AT_ONCE, AGAIN_AT_ONCE = 32, 8
#: A pod that was asked in vain so often is said in the log, once for its revision.
_TRIES_UNTOLD = 4

#: Asks the predictor at an IP for a model, see ``metadata.Metadata.said``.
Ask = Callable[[str, str], Awaitable[Said]]


class World(Protocol):
    """See ``Cluster``."""

    def revisions_in(self, namespace: str) -> Iterable[Revision]:
        """All revisions of a namespace."""
        ...

    def pods_in(self, namespace: str) -> Iterable[PodFact]:
        """All pods of a namespace's revisions."""
        ...


class _Id(NamedTuple):
    """A revision: another may have had its name before."""

    name: str
    created: float


class _Process(NamedTuple):
    """What runs in a pod, from one start of a container to the next."""

    pod: str
    address: str
    restarts: int


class _Asked(NamedTuple):
    """Who is asked, and what it has to be."""

    process: _Process
    model: str
    revision: Revision


class _Pause(NamedTuple):
    tries: int
    until: float  # by the loop's clock


class Fingerprints:
    """Of the revisions of one namespace; ``stir`` says that pods or revisions changed, ``changed`` is
    called when what is known of any did.
    """

    def __init__(self, world: World, namespace: str, ask: Ask, changed: Callable[[], None]) -> None:
        self._world, self._namespace = world, namespace
        self._ask, self._changed = ask, changed
        self._told: dict[_Process, str] = {}
        self._pauses: dict[_Process, _Pause] = {}
        self._asking: set[_Process] = set()
        self._known: dict[_Id, str] = {}
        self._complained: set[_Id] = set()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._places_again = asyncio.Semaphore(AGAIN_AT_ONCE)
        self._stirred = asyncio.Event()

    def stir(self) -> None:
        """Look again, soon."""
        self._stirred.set()

    def of(self, revision: RevisionSeen) -> str | None:
        """Its fingerprint, empty where it has none that counts: its pods differ, or one of them has none or
        does not tell. None while no pod of it is ready, or one that is was not asked yet.
        """
        # What speaks gRPC alone has no page to ask for.
        return "" if revision.grpc else self._known.get(_Id(revision.name, revision.created))

    async def run(self, listed: Callable[[], Awaitable[None]]) -> None:
        """Ask from when all is ``listed`` on, until cancelled."""
        await listed()
        async with asyncio.TaskGroup() as group:
            while True:
                self._stirred.clear()
                wait = None
                for asked in self._look():
                    pause = self._pauses.get(asked.process)
                    now = _now()
                    if pause is None or pause.until <= now:
                        self._asking.add(asked.process)
                        group.create_task(self._hear(asked))
                    else:
                        wait = min(wait or PAUSE_SECONDS[1], pause.until - now)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._stirred.wait()
                await asyncio.sleep(LOOK_SECONDS)

    def _look(self) -> list[_Asked]:
        """Who is to be asked, now or after a pause; what is known follows who is there."""
        revisions = {found.key[1]: found for found in self._world.revisions_in(self._namespace)}
        there: set[_Process] = set()
        pods: dict[_Id, list[_Asked]] = {}
        for pod, process in self._running():
            there.add(process)
            revision = revisions.get(pod.revision)
            if revision is not None and pod.ready and not pod.terminating and not revision.grpc:
                asked = _Asked(process, revision.model or pod.service, revision)
                pods.setdefault(_id(revision), []).append(asked)
        self._told = {process: told for process, told in self._told.items() if process in there}
        self._pauses = {process: kept for process, kept in self._pauses.items() if process in there}
        ids = {_id(revision) for revision in revisions.values()}
        self._complained &= ids
        tried, done = {*self._told, *self._pauses}, {*self._told, *self._asking}
        known = dict[_Id, str]()
        for identity, found in pods.items():
            processes = {one.process for one in found}
            if processes <= tried:
                told = {self._told.get(process, "") for process in processes}
                known[identity] = told.pop() if len(told) == 1 else ""
        if known != self._known:
            self._known = known
            self._changed()
        return [one for found in pods.values() for one in found if one.process not in done]

    def _running(self) -> Iterator[tuple[PodFact, _Process]]:
        for pod in self._world.pods_in(self._namespace):
            if pod.running and pod.address:
                yield pod, _Process(pod.key[1], pod.address, pod.restarts)

    async def _hear(self, asked: _Asked) -> None:
        process, revision = asked.process, asked.revision
        paused = self._pauses.get(process)
        try:
            async with self._places_again if paused else self._places:
                said = await self._ask(process.address, asked.model)
            self._told[process] = _fingerprint(said, revision)
        except Silent as error:
            tries = paused.tries + 1 if paused else 1
            first, most = PAUSE_SECONDS
            seconds = min(first * 2.0 ** min(tries - 1, 32), most)
            until = _now() + seconds
            self._pauses[process] = _Pause(tries, until)
            if tries == _TRIES_UNTOLD and _id(revision) not in self._complained:
                self._complained.add(_id(revision))
                get_logger().warning(
                    "no answers of a revision are cached: it does not tell its fingerprint",
                    revision=revision.key[1],
                    pod=process.pod,
                    why=str(error),
                )
        finally:
            self._asking.discard(process)
            self.stir()


def _id(revision: Revision) -> _Id:
    return _Id(revision.key[1], revision.created)


def _fingerprint(said: Said, revision: Revision) -> str:
    """What a predictor said, as the revision's; empty where it told none, or is of another version.

    Raises ``Silent`` where another revision answered: the address has been somebody's before.
    """
    if said.revision not in {"", revision.key[1]}:
        raise Silent(f"revision {said.revision[:80]!r} answers at its address")
    return said.fingerprint if said.version == revision.artefact.version else ""


def _now() -> float:
    return asyncio.get_running_loop().time()
