"""Engines compute a version. Each module here is the only place that imports its library."""

import hashlib
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

from trellis.contracts.model_yaml import EngineName
from trellis.serving.types import Tensors


class Engine(Protocol):
    """A loaded model: a batch of arrays in, a batch of arrays out; safe to call from any thread."""

    version: str

    def run(self, inputs: Tensors) -> Tensors:
        """Compute one batch; where the model has one input, the given name does not matter."""


#: What to install for each engine that is not part of the slim predictor.
_EXTRA = {"keras": "trellis[keras]", "sklearn": "trellis[sklearn]", "onnx": "trellis[serving]"}


class EngineError(Exception):
    """The engine cannot open this artefact; the message says why and what helps."""


def open_engine(
    name: EngineName, artefact: Path, threads: int, sha256: str | None = None
) -> Engine:
    """Open ``artefact`` with the engine called ``name``, using at most ``threads`` threads.

    What is computed with has the hash ``sha256``, where one is given. Raises ``EngineError`` where
    its library is not installed or the file is refused.
    """
    try:
        module = importlib.import_module(f"trellis.serving.engines.{name}")
    except ModuleNotFoundError as error:
        raise EngineError(
            f"engine {name!r} needs {error.name!r}, which is not installed: install {_EXTRA[name]}"
        ) from error
    opener = cast("Callable[[Path, int, str | None], Engine]", module.open_engine)
    return opener(artefact, threads, sha256)


def read_artefact(path: Path, sha256: str | None) -> bytes:
    """The file's bytes; raises ``EngineError`` where a hash is given and these have another.

    A hash that was checked before says nothing of what a second reading finds.
    """
    content = path.read_bytes()
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise EngineError(f"{path.name} was changed while it was being opened")
    return content
