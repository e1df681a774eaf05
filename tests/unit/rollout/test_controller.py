import asyncio

import pytest
from prometheus_client import CollectorRegistry

from trellis.rollout.cluster.facts import Key
from trellis.rollout.controller import CONFLICT_PAUSE, FIRST_PAUSE, LONGEST_PAUSE, Controller
from trellis.rollout.errors import ApiUnreachable, Conflict
from trellis.telemetry.metrics import ControllerMetrics

KEY: Key = ("tomatoes", "tomato")


class Passes:
    """What a reconciler answers: the error of each pass in turn; none: it succeeds."""

    def __init__(self, *errors: Exception | None) -> None:
        self._errors = list(errors)

    async def reconcile(self, key: Key) -> float:
        error = self._errors.pop(0)
        if error is not None:
            raise error
        return 5.0


def _pauses(*errors: Exception | None) -> list[float | None]:
    async def run() -> list[float | None]:
        controller = Controller(Passes(*errors), ControllerMetrics(CollectorRegistry()))
        return [await controller.once(KEY) for _ in errors]

    return asyncio.run(run())


def test_a_conflict_that_stays_is_met_ever_more_slowly() -> None:
    conflict = Conflict(409, "Conflict", "it has changed")
    pauses = _pauses(*[conflict] * 4, None, conflict)
    assert pauses == [
        CONFLICT_PAUSE,
        CONFLICT_PAUSE,
        FIRST_PAUSE,
        2 * FIRST_PAUSE,
        5.0,
        CONFLICT_PAUSE,
    ]


def test_the_pause_of_a_day_without_the_api_server_is_the_longest() -> None:
    assert _pauses(*[ApiUnreachable("away")] * 1100)[-1] == pytest.approx(LONGEST_PAUSE)
