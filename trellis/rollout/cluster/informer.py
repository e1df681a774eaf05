"""Follows all objects of one kind: a list, then every change, for ever.

A list replaces what was known, so that what was deleted while nobody listened is gone too. While the
API server is away the last known stays, is told to be old, and is asked for again ever more slowly.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol
from urllib.parse import quote

from trellis.rollout.cluster.api import Api
from trellis.rollout.errors import ApiRefused, ApiUnreachable, Expired, Missing
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import ControllerMetrics

#: Objects of one page of a list.
PAGE = 500
#: Pauses after failures, in seconds: the first, and the longest; after so many doublings it is that.
FIRST_PAUSE, LONGEST_PAUSE, DOUBLINGS = 0.5, 15.0, 10
#: A kind that the cluster does not have is looked for so often.
MISSING_PAUSE = 30.0
#: A watch is begun again so often, in seconds, as the API server's own clients do.
WATCH_SECONDS = 300


@dataclass(frozen=True)
class Kind:
    """What is followed: ``group`` is its API's path, ``selector`` one of labels, ``only`` the name of the
    one object that is, where it is one.
    """

    group: str
    plural: str
    selector: str = ""
    only: str = ""

    def path(self, namespace: str, name: str = "") -> str:
        """Of one object, of all in a namespace, or of all (``namespace`` empty)."""
        place = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        return f"{self.group}{place}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


class Sink(Protocol):
    """Takes what is heard."""

    def replace(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """These are all."""
        ...

    def put(self, changed: Mapping[str, Any]) -> None:
        """One is new or changed."""
        ...

    def drop(self, gone: Mapping[str, Any]) -> None:
        """One was deleted."""
        ...


class Informer:
    """One kind; ``listed`` is set from the first list on, an empty one where the kind is not there."""

    def __init__(
        self,
        api: Api,
        kind: Kind,
        namespace: str,
        sink: Sink,
        metrics: ControllerMetrics,
        pause: Callable[[float], float] = lambda seconds: seconds * random.uniform(0.5, 1),
    ) -> None:
        self._api, self._kind, self._sink = api, kind, sink
        self._path = kind.path(namespace)
        self._watching = metrics.watching.labels(kind.plural)
        self._pause = pause
        self._silent = False
        self._found = self._absent = False
        self._failures = 0
        self.listed = asyncio.Event()

    @property
    def heard(self) -> bool:
        """Whether all is known as it is now; else as it was, or not at all. Of a kind that the cluster
        never had, that is nothing.
        """
        return self.listed.is_set() and (self._absent or not self._silent)

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._follow()
            except Expired:
                wait = FIRST_PAUSE
            except Missing:
                self._absent = not self._found
                self._sink.replace(())
                self.listed.set()
                wait = MISSING_PAUSE
                self._deaf(f"the cluster has no {self._kind.plural}")
            except (ApiUnreachable, ApiRefused) as error:
                wait = min(FIRST_PAUSE * 2.0 ** min(self._failures, DOUBLINGS), LONGEST_PAUSE)
                self._failures += 1
                self._absent = False
                self._deaf(str(error))
            await asyncio.sleep(self._pause(wait))

    async def _follow(self) -> NoReturn:
        """List, then watch until that fails."""
        version = await self._list()
        self._heard()
        self.listed.set()
        while True:
            began = time.monotonic()
            version = await self._watch(version)
            if time.monotonic() - began < 1:  # one that ends at once would be asked for without end
                await asyncio.sleep(self._pause(FIRST_PAUSE))

    async def _watch(self, version: str) -> str:
        """Until the API server ends it; the version to go on from."""
        params = {"resourceVersion": version, "timeoutSeconds": str(WATCH_SECONDS)}
        watch = self._api.watch(self._path, self._selected(params))
        async with contextlib.aclosing(watch) as events:
            async for event in events:
                changed = event["object"]
                if event["type"] == "ERROR":
                    raise _error(changed)
                version = changed["metadata"]["resourceVersion"]
                if event["type"] == "DELETED":
                    self._sink.drop(changed)
                elif event["type"] != "BOOKMARK":
                    self._sink.put(changed)
        return version

    async def _list(self) -> str:
        objects: list[Mapping[str, Any]] = []
        params = {"limit": str(PAGE)}
        while True:
            page = await self._api.call("GET", self._path, params=self._selected(params))
            objects += page["items"]
            metadata = page["metadata"]
            if not metadata.get("continue"):
                self._sink.replace(objects)
                return str(metadata["resourceVersion"])
            params["continue"] = metadata["continue"]

    def _selected(self, params: Mapping[str, str]) -> Mapping[str, str]:
        selected = dict(params)
        if self._kind.selector:
            selected["labelSelector"] = self._kind.selector
        if self._kind.only:
            selected["fieldSelector"] = f"metadata.name={self._kind.only}"
        return selected

    def _heard(self) -> None:
        self._watching.set(1)
        if self._silent:
            get_logger().info("changes are heard again", kind=self._kind.plural)
        self._silent = self._absent = False
        self._found = True
        self._failures = 0

    def _deaf(self, why: str) -> None:
        self._watching.set(0)
        if not self._silent:
            get_logger().warning("changes are not heard", kind=self._kind.plural, reason=why)
        self._silent = True


def _error(status: Mapping[str, Any]) -> ApiRefused | ApiUnreachable:
    code, words = int(status.get("code") or 500), str(status.get("message") or "")
    if code == 410:
        return Expired(code, "Expired", words)
    if code >= 500 or code == 429:
        return ApiUnreachable(f"the watch ended: {words}")
    return ApiRefused(code, str(status.get("reason") or ""), words)
