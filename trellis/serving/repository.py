"""The versions that this process may serve, and those in memory.

A version loads once however many ask for it, in a thread; at most ``most`` are in memory, the
least recently used goes first and one in use never: where all are in use, the least recently
used takes no new requests and goes when it has answered those it has. One that failed says why
and is tried again when it is next asked for.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from trellis.serving.engines import EngineError
from trellis.serving.errors import NotFound, NotReady
from trellis.serving.loaded import LoadedVersion
from trellis.serving.predictor import Predictor
from trellis.serving.thread_calls import ThreadCall, in_daemon_thread
from trellis.serving.version_folder import VersionFolder, VersionFolderError
from trellis.telemetry.logs import get_logger

Opener = Callable[[VersionFolder], Predictor]
Wrapper = Callable[[Predictor, str], LoadedVersion]
Key = tuple[str, str]


@dataclass(slots=True, eq=False)
class _Loading:
    """A load under way; ``waiting`` requests each get a lease the moment it is done."""

    task: asyncio.Task[LoadedVersion]
    waiting: int = 0


@dataclass(slots=True, eq=False)
class _Leaving:
    """A version that takes no new requests; ``task`` ends when it is out of memory."""

    loaded: LoadedVersion
    task: asyncio.Task[None]


class Repository:
    """Finds, loads and evicts versions; use from one event loop.

    Parameters: ``folders``, by model and then version; ``defaults``, a version by model;
    ``open_predictor``, a loaded and warm predictor, called in a thread; ``wrap``, its
    ``LoadedVersion`` under a model's name, called on the loop; ``most``, versions in memory.
    """

    def __init__(
        self,
        folders: dict[str, dict[str, VersionFolder]],
        defaults: dict[str, str],
        open_predictor: Opener,
        wrap: Wrapper,
        most: int,
    ) -> None:
        self.folders = folders
        self.defaults = defaults
        self._open = open_predictor
        self._wrap = wrap
        self._most = most
        self._loaded: dict[Key, LoadedVersion] = {}
        self._loading: dict[Key, _Loading] = {}
        self._leaving: dict[Key, _Leaving] = {}
        self._failures: dict[Key, str] = {}
        self._unloaded: set[Key] = set()
        self._places: set[Key] = set()  # versions in memory, on the way in or on the way out
        self._making_room = asyncio.Lock()

    def versions(self, model: str) -> list[str]:
        """Known versions of a model, in order; raises ``NotFound``."""
        if model not in self.folders:
            raise NotFound(f"unknown model {model!r:.70}; known: {sorted(self.folders)}")
        return list(self.folders[model])

    def resolve(self, model: str, version: str | None, *, fallback: bool = False) -> Key:
        """The (model, version) that answers; raises ``NotFound`` for one that is not known.

        With ``fallback`` the default version answers for an unknown one.
        """
        known = self.versions(model)
        if version is None or version in known:
            return model, version or self.defaults[model]
        if fallback:
            return model, self.defaults[model]
        raise NotFound(f"unknown version {version!r:.70} of model {model!r}; known: {known}")

    def in_memory(self, key: Key) -> LoadedVersion | None:
        """The version if it is loaded, without waiting."""
        return self._loaded.get(key)

    async def lease(self, key: Key) -> LoadedVersion:
        """The version, loaded if need be and leased: the caller releases it.

        Raises ``NotReady`` where it does not load. A version that was unloaded by request stays
        away until it is loaded by request.
        """
        if key in self._unloaded:
            raise NotReady(f"version {key[1]!r} of model {key[0]!r} is unloaded")
        if (loaded := self._loaded.get(key)) is not None:
            loaded.lease()
            return loaded
        loading = self._loading.get(key)
        if loading is None:
            task = asyncio.create_task(self._load(key), name=f"load {key[0]}/{key[1]}")
            loading = self._loading[key] = _Loading(task)
        loading.waiting += 1
        try:
            # Shielded: a caller that goes away must not stop the load that others wait for.
            return await asyncio.shield(loading.task)
        except asyncio.CancelledError:
            if _succeeded(loading.task):
                loading.task.result().release()
            loading.waiting -= 1
            raise

    async def get(self, key: Key) -> LoadedVersion:
        """The version, loaded if need be, to read its description; raises as ``lease`` does."""
        loaded = await self.lease(key)
        loaded.release()
        return loaded

    async def load(self, key: Key) -> LoadedVersion:
        """Load by request; raises ``NotReady``."""
        self._unloaded.discard(key)
        return await self.get(key)

    async def unload(self, key: Key) -> None:
        """Unload by request: no new request is taken, those accepted are answered first."""
        self._unloaded.add(key)
        if (loading := self._loading.get(key)) is not None:
            await asyncio.wait({loading.task})
        if key in self._loaded:
            self._let_go(key)
        await self._until_gone(key)

    def state(self, key: Key) -> tuple[str, str]:
        """(state, reason) in the words of the V2 repository extension."""
        if key in self._loaded:
            return "READY", ""
        if key in self._loading:
            return "LOADING", ""
        if key in self._failures:
            return "UNAVAILABLE", self._failures[key]
        return "UNAVAILABLE", "unloaded" if key in self._unloaded else "not loaded yet"

    def is_ready(self, key: Key) -> bool:
        """True where a request would be answered: loaded, or loadable on first use."""
        return key in self._loaded or (key not in self._unloaded and key not in self._failures)

    def abandon(self) -> None:
        """Answer ``NotReady`` to every request that still waits."""
        for loaded in self._answering():
            loaded.batcher.abandon()

    async def close(self, grace: float) -> None:
        """Let every version finish what it accepted; after ``grace`` seconds, abandon it."""
        for loading in self._loading.values():
            loading.task.cancel()
        answering = self._answering()
        try:
            async with asyncio.timeout(grace):
                await asyncio.gather(
                    *(loaded.close() for loaded in self._loaded.values()),
                    *(leaving.task for leaving in self._leaving.values()),
                )
        except TimeoutError:
            for loaded in answering:
                loaded.batcher.abandon()
        self._loaded.clear()

    def _answering(self) -> list[LoadedVersion]:
        leaving = (version.loaded for version in self._leaving.values())
        return [*self._loaded.values(), *leaving]

    async def _load(self, key: Key) -> LoadedVersion:
        try:
            await self._until_gone(key)
            await self._take_place(key)
            try:
                loaded = await self._opened(key)
            except BaseException:
                self._places.discard(key)
                raise
            self._failures.pop(key, None)
            for _ in range(self._loading[key].waiting):
                loaded.lease()
            self._loaded[key] = loaded
            return loaded
        finally:
            del self._loading[key]

    async def _opened(self, key: Key) -> LoadedVersion:
        folder = self.folders[key[0]][key[1]]
        try:
            predictor = await self._in_thread(folder)
            return self._wrap(predictor, key[0])
        except (VersionFolderError, EngineError) as error:
            self._failures[key] = str(error)
            get_logger().error(
                "version does not load", model=key[0], version=key[1], reason=str(error)
            )
            raise NotReady(f"version {key[1]!r} of model {key[0]!r} does not load") from error
        except Exception as error:
            self._failures[key] = "the predictor failed to load; see the log"
            get_logger().error(
                "version does not load", model=key[0], version=key[1], exc_info=error
            )
            raise NotReady(f"version {key[1]!r} of model {key[0]!r} does not load") from error

    async def _in_thread(self, folder: VersionFolder) -> Predictor:
        """Open on a thread of its own: a pool's would keep the process from ending meanwhile."""
        loop = asyncio.get_running_loop()
        opening: ThreadCall[Predictor] = ThreadCall(
            "loading", partial(self._open, folder), loop.create_future()
        )

        def work() -> None:
            opening.run()
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits
                loop.call_soon_threadsafe(opening.settle)

        in_daemon_thread(work, f"load-{folder.title}")
        return await opening.future

    async def _take_place(self, key: Key) -> None:
        """Wait for a place in memory; one load at a time, in the order in which they came."""
        async with self._making_room:
            while len(self._places) >= self._most:
                if self._loaded:
                    oldest = min(self._loaded, key=self._worth_keeping)
                    get_logger().info("version evicted", model=oldest[0], version=oldest[1])
                    self._let_go(oldest)
                    await self._until_gone(oldest)
                else:
                    await self._until_another_moves(key)
            self._places.add(key)

    async def _until_another_moves(self, key: Key) -> None:
        """Wait until one that holds a place is in memory or out of it."""
        coming = (
            loading.task
            for other, loading in self._loading.items()
            if other != key and other in self._places
        )
        leaving = (version.task for version in self._leaving.values())
        await asyncio.wait([*coming, *leaving], return_when=asyncio.FIRST_COMPLETED)

    def _worth_keeping(self, key: Key) -> tuple[bool, float]:
        loaded = self._loaded[key]
        return loaded.leases > 0, loaded.last_used

    def _let_go(self, key: Key) -> None:
        """Start to take a loaded version out; a task of our own, so whoever asked may leave."""
        loaded = self._loaded.pop(key)
        task = asyncio.create_task(self._end(key, loaded), name=f"unload {key[0]}/{key[1]}")
        self._leaving[key] = _Leaving(loaded, task)

    async def _until_gone(self, key: Key) -> None:
        if (leaving := self._leaving.get(key)) is not None:
            await asyncio.wait({leaving.task})

    async def _end(self, key: Key, loaded: LoadedVersion) -> None:
        try:
            await loaded.unused()
            await loaded.close()
        except Exception as error:  # noqa: BLE001 - a user's ``stop``: its place is free all the same
            get_logger().error(
                "version does not unload", model=key[0], version=key[1], exc_info=error
            )
        finally:
            del self._leaving[key]
            self._places.discard(key)


def _succeeded(task: asyncio.Task[LoadedVersion]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
