"""The routing table as the cluster keeps it: a ConfigMap, which gateways mount for their cold start.

Every controller compiles the next table from this one and writes it, by compare-and-swap, before it
is offered: numbers rise and units stay where they are, whoever compiles and however often it was
started anew.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from trellis.contracts.routing_table import ModelRoute, RoutingTable
from trellis.rollout.cluster.api import MANAGER, MERGE, Api
from trellis.rollout.cluster.facts import Key, Raw, key_of
from trellis.rollout.cluster.informer import Informer, Kind
from trellis.rollout.cluster.table import Table
from trellis.rollout.errors import ControllerError
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import ControllerMetrics

CONFIG_MAPS = Kind("/api/v1", "configmaps")
#: Keys of the ConfigMap: the table, and the routes that it had, by salt, for whoever comes back.
TABLE, REMEMBERED = "routing-table.json", "remembered.json"
#: Routes of experiments that ended which are remembered, the newest.
MOST_REMEMBERED = 100
#: Bytes of both together: the API server takes a ConfigMap of 1 MiB, names and all.
MOST_BYTES = 900_000

_ROUTES: TypeAdapter[dict[str, ModelRoute]] = TypeAdapter(dict[str, ModelRoute])


class TooLarge(ControllerError):
    """The table does not fit into a ConfigMap."""


@dataclass(frozen=True, slots=True)
class Saved:
    """``table`` is None where none is kept yet, or what is kept cannot be read; then ``why`` says so."""

    key: Key
    token: str
    table: RoutingTable | None
    routes: Mapping[str, ModelRoute]
    why: str = ""


def saved(raw: Raw) -> Saved:
    """Of a ConfigMap. A part that cannot be read is left out."""
    data, metadata = raw.get("data") or {}, raw["metadata"]
    table, why = None, ""
    if TABLE in data:
        try:
            table = RoutingTable.model_validate_json(data[TABLE])
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    try:
        routes = _ROUTES.validate_json(data.get(REMEMBERED) or "{}")
    except ValidationError:
        routes = {}
    return Saved(key_of(raw), metadata["resourceVersion"], table, routes, why)


def still_remembered(
    before: Mapping[str, ModelRoute], previous: RoutingTable, table: RoutingTable
) -> Mapping[str, ModelRoute]:
    """Routes of experiments that the table has no longer: one that comes back finds its units."""
    ended = {route.salt: route for route in previous.models.values() if route.experiment}
    present = {route.salt for route in table.models.values()}
    kept = {s: route for s, route in {**before, **ended}.items() if s not in present}
    return dict(list(kept.items())[-MOST_REMEMBERED:])


class SavedTable:
    """The ConfigMap of that ``key``; ``changed`` is called when anybody has written it."""

    def __init__(
        self, api: Api, key: Key, metrics: ControllerMetrics, changed: Callable[[], None]
    ) -> None:
        self._api, self.key = api, key
        self._table: Table[Saved] = Table(saved, lambda found: found.key, lambda _b, _a: changed())
        kind = Kind(CONFIG_MAPS.group, CONFIG_MAPS.plural, only=key[1])
        self._informer = Informer(api, kind, key[0], self._table, metrics)
        self._forgot = False

    async def run(self) -> None:
        """Follow it until cancelled."""
        await self._informer.run()

    async def heard(self, seconds: float) -> bool:
        """Whether it is known, within ``seconds``, what the cluster keeps."""
        try:
            async with asyncio.timeout(seconds):
                await self._informer.listed.wait()
        except TimeoutError:
            return False
        return True

    @property
    def present(self) -> Saved | None:
        """As it was heard of last."""
        return self._table.get(self.key)

    async def read(self) -> None:
        """Hear of it now. Raises as ``Api.call``."""
        self._know(await self._api.call("GET", CONFIG_MAPS.path(*self.key)))

    async def write(
        self, before: Saved | None, table: RoutingTable, routes: Mapping[str, ModelRoute]
    ) -> None:
        """Keep ``table``, where what is kept is ``before`` still.

        Raises ``Conflict`` where it is not, ``TooLarge``, and as ``Api.call``.
        """
        data = self._data(table, routes)
        named = {"namespace": self.key[0], "name": self.key[1]}
        params = {"fieldManager": MANAGER}
        if before is None:
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": data}
            path = CONFIG_MAPS.path(self.key[0])
            self._know(await self._api.call("POST", path, body, params=params))
            return
        patch = {"metadata": {"resourceVersion": before.token}, "data": data}
        path = CONFIG_MAPS.path(*self.key)
        self._know(await self._api.call("PATCH", path, patch, content_type=MERGE, params=params))

    def _data(self, table: RoutingTable, routes: Mapping[str, ModelRoute]) -> dict[str, str]:
        text = table.model_dump_json(by_alias=True)
        remembered = _ROUTES.dump_json(dict(routes), by_alias=True).decode()
        if len(text.encode()) > MOST_BYTES:
            raise TooLarge(
                f"the routing table has {len(text.encode())} bytes and a ConfigMap takes {MOST_BYTES}:"
                " it is offered but not kept, so that a restart of all controllers moves units of"
                " experiments; give some of the models a namespace of their own"
            )
        forgets = len(text.encode()) + len(remembered.encode()) > MOST_BYTES
        if forgets and not self._forgot:
            get_logger().error("the table leaves no room for the routes of ended experiments")
        self._forgot = forgets
        return {TABLE: text, REMEMBERED: "{}" if forgets else remembered}

    def _know(self, raw: Raw) -> None:
        found = saved(raw)
        self._table.know(found, int(found.token))
