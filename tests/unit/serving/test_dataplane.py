"""The path of a request: what each kind of failure becomes, and where decoding runs."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from predictors.squares import Squares
from trellis.serving.admission import Admission
from trellis.serving.batching import Limits
from trellis.serving.dataplane import LARGE_BODY, DataPlane
from trellis.serving.errors import BadRequest, DeadlineExceeded, Fault, NotFound
from trellis.serving.loaded import LoadedVersion
from trellis.serving.observed import ObservedVersion
from trellis.serving.predictor import Predictor
from trellis.serving.repository import Repository
from trellis.serving.types import Tensors
from trellis.serving.version_folder import VersionFolder
from trellis.telemetry.metrics import ServingMetrics

MakeFolder = Callable[..., VersionFolder]
METRICS = ServingMetrics(CollectorRegistry())


class Watched(Squares):
    """Remembers where it decoded; holds on to 7 for a while."""

    decoded_in: str | None = None

    def decode(self, inputs: Tensors) -> Tensors:
        self.decoded_in = threading.current_thread().name
        return inputs

    def predict(self, inputs: Tensors) -> Tensors:
        if (inputs["numbers"] == 7).any():
            threading.Event().wait(0.3)
        return super().predict(inputs)


class OffLoop(Watched):
    decode_off_loop = True


@asynccontextmanager
async def dataplane(
    folder: VersionFolder, kind: type[Predictor] = Watched, timeout: float = 10
) -> AsyncIterator[DataPlane]:
    def wrap(predictor: Predictor, model: str) -> LoadedVersion:
        observed = ObservedVersion(METRICS, model, "v1", "v1")
        return LoadedVersion(predictor, model, "v1", Limits(), observed)

    repository = Repository({"m": {"v1": folder}}, {"m": "v1"}, kind, wrap, 1)
    plane = DataPlane(repository, Admission(10, 1 << 30), 1, timeout)
    yield plane
    await repository.close(5)
    plane.close()


def reader(*values: float) -> Callable[[LoadedVersion], Tensors]:
    return lambda _: {"numbers": np.array(values, np.float32)}


async def test_from_name_to_outputs(make_folder: MakeFolder) -> None:
    async with dataplane(make_folder()) as plane:
        loaded = await plane.lease("m", None, fallback=False)
        again = await plane.lease("m", "v9", fallback=True)
        assert again is loaded
        assert loaded.leases == 2
        outputs = await plane.compute(loaded, reader(3), 10)
        assert outputs["squares"].tolist() == [9]
        with pytest.raises(NotFound):
            await plane.lease("m", "v9", fallback=False)


@pytest.mark.parametrize(
    ("kind", "size", "off"),
    [(Watched, 10, False), (Watched, LARGE_BODY + 1, True), (OffLoop, 10, True)],
    ids=["small", "large body", "pictures"],
)
async def test_decoding_that_takes_long_leaves_the_event_loop(
    make_folder: MakeFolder, kind: type[Predictor], size: int, off: bool
) -> None:
    async with dataplane(make_folder(), kind) as plane:
        loaded = await plane.lease("m", None, fallback=False)
        await plane.compute(loaded, reader(3), size)
        assert isinstance(loaded.predictor, Watched)
        assert str(loaded.predictor.decoded_in).startswith("decode") is off


async def test_bad_requests_keep_their_words_and_faults_say_nothing(
    make_folder: MakeFolder,
) -> None:
    def bad(_: LoadedVersion) -> Any:
        raise BadRequest("field 'x'")

    def broken(_: LoadedVersion) -> Any:
        raise RuntimeError("secret")

    async with dataplane(make_folder()) as plane:
        loaded = await plane.lease("m", None, fallback=False)
        with pytest.raises(BadRequest, match="field 'x'"):
            await plane.compute(loaded, bad, 10)
        with pytest.raises(Fault, match="the prediction failed") as caught:
            await plane.compute(loaded, broken, 10)
        assert isinstance(caught.value.__cause__, RuntimeError)
        with pytest.raises(Fault):
            await plane.compute(loaded, lambda _: {"numbers": np.zeros(2), "b": np.zeros(3)}, 10)


async def test_the_nearer_of_two_deadlines_holds(make_folder: MakeFolder) -> None:
    async with dataplane(make_folder(), timeout=0.05) as plane:
        loaded = await plane.lease("m", None, fallback=False)
        with pytest.raises(DeadlineExceeded, match=r"0\.05 s"):
            await plane.compute(loaded, reader(7), 10)
        with pytest.raises(DeadlineExceeded):
            await plane.compute(loaded, reader(7), 10, timeout=0.02)
        await asyncio.sleep(0.6)
        assert (await plane.compute(loaded, reader(2), 10, timeout=5))["squares"].tolist() == [4]


async def test_a_load_that_takes_too_long_is_a_deadline_and_goes_on(
    make_folder: MakeFolder,
) -> None:
    class Slow(Watched):
        def __init__(self, folder: VersionFolder) -> None:
            threading.Event().wait(0.2)
            super().__init__(folder)

    async with dataplane(make_folder(), Slow, timeout=0.05) as plane:
        with pytest.raises(DeadlineExceeded, match="was not loaded within the deadline"):
            await plane.lease("m", None, fallback=False)
        await asyncio.sleep(0.4)
        assert (await plane.lease("m", None, fallback=False)).leases == 1
