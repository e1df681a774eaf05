"""A version in memory: the predictor, its batcher, and what each answer says of it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from trellis.contracts.tensors import TensorSpec
from trellis.serving.batching import Batcher, Limits, Observers
from trellis.serving.observed import ObservedVersion
from trellis.serving.predictor import Predictor
from trellis.serving.types import Tensors


class LoadedVersion:
    """Holds a warm predictor; made on the event loop, after ``load`` ran in a thread."""

    def __init__(
        self,
        predictor: Predictor,
        name: str,
        revision: str,
        limits: Limits,
        observed: ObservedVersion,
    ) -> None:
        description = predictor.folder.yaml
        self.predictor = predictor
        self.name = name
        self.version = description.version
        self.revision = revision
        self.yaml = description
        self.inputs: dict[str, TensorSpec] = {spec.name: spec for spec in description.inputs}
        self.outputs: dict[str, TensorSpec] = {spec.name: spec for spec in description.outputs}
        self.fingerprint = predictor.fingerprint
        self.observed = observed
        self.headers = (
            (b"x-model-version", self.version.encode()),
            (b"x-model-revision", revision.encode()),
            (b"x-model-fingerprint", self.fingerprint.encode()),
        )
        self.grpc_metadata = tuple((name.decode(), value.decode()) for name, value in self.headers)
        self.leases = 0
        self._unused = asyncio.Event()
        self._unused.set()
        self.last_used = time.monotonic()
        self.batcher = Batcher(
            _batch_function(predictor),
            limits,
            Observers(observed.batch, observed.waited, observed.depth, observed.computed),
            f"{name}-{self.version}",
            on_loop=predictor.predict_on_loop,
        )
        observed.set_loaded(True)

    def lease(self) -> None:
        """Keep the version in memory until ``release``."""
        self.leases += 1
        self._unused.clear()

    def release(self) -> None:
        """End one lease."""
        self.leases -= 1
        self.last_used = time.monotonic()
        if not self.leases:
            self._unused.set()

    async def unused(self) -> None:
        """Wait until nobody holds a lease."""
        await self._unused.wait()

    async def close(self) -> None:
        """Finish what was accepted and let go of the predictor."""
        await self.batcher.close()
        try:
            self.predictor.stop()
        finally:
            self.observed.set_loaded(False)

    def metadata(self, versions: list[str]) -> dict[str, Any]:
        """The V2 metadata document, with what a client may want to know beyond it."""
        return {
            "name": self.name,
            "versions": versions,
            "platform": f"trellis_{self.predictor.engine_name or 'python'}",
            "inputs": [_spec(spec) for spec in self.yaml.inputs],
            "outputs": [_spec(spec) for spec in self.yaml.outputs],
            "version": self.version,
            "revision": self.revision,
            "fingerprint": self.fingerprint,
            "description": self.yaml.description,
            "labels": list(self.yaml.labels),
            "features": list(self.yaml.preprocessing.get("features", ())),
            "metrics": self.yaml.metrics,
            "data": self.yaml.data.model_dump() if self.yaml.data else None,
        }

    def examples(self) -> dict[str, Any]:
        """The version's examples, each as the body of an infer request, with a title."""
        return {"examples": [example.model_dump(mode="json") for example in self.yaml.examples]}


def _spec(spec: TensorSpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", exclude_none=True)


def _batch_function(predictor: Predictor) -> Callable[[Tensors], Tensors]:
    predict, encode = predictor.predict, predictor.encode

    def compute(tensors: Tensors) -> Tensors:
        return encode(predict(tensors))

    return compute
