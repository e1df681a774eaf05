"""Users of a model who come through a gateway: what it leaves in Redis of them, by the table that it has."""

import random
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from redis.asyncio import Redis

from trellis.contracts.events import Exposure, Outcome, digest_of_shares
from trellis.contracts.routing_table import Arm, RoutingTable
from trellis.gateway.assignment import UnitLine
from trellis.rollout.events.keys import FoldKeys

#: Which revision serves a request that was sent to an arm, and the share of its requests that convert.
Serves = Callable[[Arm, random.Random], str]
#: Seconds ago at which the last came, longer than the windows of the tests: all has ripened. One came
#: after the other.
AGO, APART = 30.0, 0.001


def its_own(arm: Arm, _chance: random.Random) -> str:
    """One host, one revision."""
    return arm.revision


class Visitors:
    """Each comes once; ``seed`` says who they are."""

    def __init__(self, url: str, seed: int = 1, prefix: str = "trellis") -> None:
        self._url, self._keys = url, FoldKeys(prefix)
        self._chance = random.Random(seed)
        self._number = 0

    async def come(
        self,
        table: RoutingTable,
        number: int,
        converting: Mapping[str, float] = MappingProxyType({}),
        serves: Serves = its_own,
        ago: float = AGO,
        failing: Mapping[str, float] = MappingProxyType({}),
    ) -> dict[str, str]:
        """So many ask for tomato; some convert at once, and of some the request fails, by the revision that
        served them. Gives the arm that each met.
        """
        route, met = table.models["tomato"], dict[str, str]()
        shares = digest_of_shares({arm.revision: arm.weight for arm in route.arms})
        line = UnitLine(route.salt, [arm.intervals for arm in route.arms])
        began = time.time() - ago - number * APART
        async with Redis.from_url(self._url) as redis, redis.pipeline(transaction=False) as pipe:
            for place in range(number):
                self._number += 1
                then = began + place * APART
                who = f"user-{self._number}"
                arm = route.arms[line.arm_of(who.encode())]
                met[who] = arm.revision
                revision = serves(arm, self._chance)
                common: dict[str, Any] = {
                    "request_id": f"request:{who}",
                    "experiment": route.experiment,
                    "model": "tomato",
                    "arm": arm.revision,
                    "version": arm.version,
                    "revision": revision,
                    "propensity": min(arm.weight, 1.0),
                    "shares": shares,
                    "unit": line.digest(who.encode()).hex(),
                    "sticky": True,
                }
                failed = self._chance.random() < failing.get(revision, 0.0)
                exposure = Exposure(
                    **common,
                    table_version=table.version,
                    time=then,
                    code=503 if failed else 200,
                    seconds=0.01,
                )
                self._add(pipe, self._keys.exposures, exposure)
                if self._chance.random() < converting.get(revision, 0.0):
                    outcome = Outcome(
                        **common, kind="conversion", value=True, time=then, exposed_at=then
                    )
                    self._add(pipe, self._keys.outcomes, outcome)
            await pipe.execute()
        return met

    @staticmethod
    def _add(pipe: Any, stream: str, event: Exposure | Outcome) -> None:
        pipe.xadd(stream, {"event": event.model_dump_json(by_alias=True)})
