import asyncio
import contextlib
from typing import Any

from prometheus_client import CollectorRegistry

from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.informer import LONGEST_PAUSE, Informer, Kind
from trellis.rollout.cluster.rollouts import ROLLOUTS, rollout
from trellis.rollout.cluster.table import Table
from trellis.rollout.errors import ApiUnreachable
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
