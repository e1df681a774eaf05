import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from prometheus_client import CollectorRegistry

from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.informer import LONGEST_PAUSE, Informer, Kind
from trellis.rollout.cluster.rollouts import ROLLOUTS, rollout
from trellis.rollout.cluster.table import Table
from trellis.rollout.errors import ApiUnreachable, Missing
from trellis.telemetry.metrics import ControllerMetrics


class Away(Api):
    """An API server that does not answer."""

    def __init__(self) -> None:
        """No connection is needed for that."""

    async def call(self, *_: Any, **__: Any) -> dict[str, Any]:
        raise ApiUnreachable("nobody answers")


class Enough(Exception):
    """Raised after as many pauses as a day has."""


def test_a_name_is_one_part_of_a_path_whatever_it_is() -> None:
    kind = Kind("/apis/trellis.dev/v1alpha1", "experiments")
    path = kind.path("farm", "../../other/experiments/colour?x=1")
    assert path == (
        "/apis/trellis.dev/v1alpha1/namespaces/farm/experiments/"
        "..%2F..%2Fother%2Fexperiments%2Fcolour%3Fx%3D1"
    )


def test_it_asks_again_however_long_the_api_server_was_away() -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> float:
        pauses.append(seconds)
        if len(pauses) == 1100:
            raise Enough
        return 0

    table = Table(rollout, lambda found: found.service_key, lambda *_: None)
    metrics = ControllerMetrics(CollectorRegistry())
    with contextlib.suppress(Enough):
        asyncio.run(Informer(Away(), ROLLOUTS, "", table, metrics, pause).run())
    assert pauses[0] < pauses[-1] == LONGEST_PAUSE


class Absent(Api):
    """An API server that has the kind or has it not, or does not answer."""

    def __init__(self) -> None:
        """No connection is needed for that."""
        self.failure: Exception | None = Missing(404, "NotFound", "no such kind")

    async def call(self, *_: Any, **__: Any) -> dict[str, Any]:
        if self.failure:
            raise self.failure
        return {"items": [], "metadata": {"resourceVersion": "1"}}

    async def watch(self, *_: Any, **__: Any) -> AsyncGenerator[dict[str, Any]]:
        if self.failure is None:
            raise ApiUnreachable("nobody answers")
        yield {}


async def test_of_a_kind_that_was_never_there_all_is_known() -> None:
    api, heard = Absent(), list[bool]()

    def pause(_: float) -> float:
        heard.append(informer.heard)
        match len(heard):
            case 1 | 3:
                api.failure = ApiUnreachable("nobody answers")
            case 2 | 5:
                api.failure = Missing(404, "NotFound", "no such kind")
            case 4:
                api.failure = None
            case 6:
                raise Enough
        return 0

    table = Table(rollout, lambda found: found.service_key, lambda *_: None)
    metrics = ControllerMetrics(CollectorRegistry())
    informer = Informer(api, ROLLOUTS, "", table, metrics, pause)
    with contextlib.suppress(Enough):
        await informer.run()
    # Gone, away, gone still, away; there until its watch broke; and gone, of which objects may come back.
    assert heard == [True, False, True, False, False, False]
