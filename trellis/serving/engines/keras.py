"""Keras models by TensorFlow: ``.keras``, and ``.h5`` as older projects have them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read once, when TensorFlow is imported

import keras
import tensorflow as tf

from trellis.serving.engines import EngineError, read_artefact
from trellis.serving.types import Tensors

_SUFFIXES = (".keras", ".h5", ".hdf5")


class KerasEngine:
    """One traced call of the model; TensorFlow lets many threads run it at once."""

    version = f"keras-{keras.__version__}+tensorflow-{tf.__version__}"

    def __init__(self, call: Callable[..., Any], inputs: list[str], outputs: list[str]) -> None:
        self._call = call
        self._inputs = inputs
        self._outputs = outputs

    def run(self, inputs: Tensors) -> Tensors:
        """Compute one batch; raises ``KeyError`` where a named input is missing."""
        if len(self._inputs) == 1:
            (array,) = inputs.values()
            given = [array]
        else:
            given = [inputs[name] for name in self._inputs]
        results = self._call(*(tf.convert_to_tensor(array) for array in given))
        return {name: result.numpy() for name, result in zip(self._outputs, results, strict=True)}


def open_engine(path: Path, threads: int, sha256: str | None = None) -> KerasEngine:
    """Open a ``.keras`` or ``.h5`` file, whose layers may not bring code of their own.

    The model is traced once for any number of rows: ``predict`` would set up a data pipeline
    for each call, at a hundred times the cost of a small model. The thread count is the
    process's, so the first model opened decides it. Raises ``EngineError``, also where the file has another
    hash than ``sha256``.
    """
    if path.suffix not in _SUFFIXES:
        raise EngineError(
            f"{path.name} is not a Keras file: expected one of {', '.join(_SUFFIXES)}"
        )
    _set_threads(threads)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises what the layer at fault happens to raise
        raise EngineError(
            f"{path.name} is not a model that Keras loads in safe mode: {error}"
        ) from error
    read_artefact(path, sha256)  # afterwards: Keras opens a file by its path only
    if not getattr(model, "inputs", None):
        raise EngineError(f"{path.name} does not say which inputs it takes: build it before saving")
    signature = [tf.TensorSpec([None, *spec.shape[1:]], spec.dtype) for spec in model.inputs]

    def call(*arrays: Any) -> list[Any]:
        results = model(list(arrays) if len(arrays) > 1 else arrays[0], training=False)
        flat: list[Any] = tf.nest.flatten(results)
        return flat

    traced = tf.function(call, input_signature=signature).get_concrete_function()
    outputs = getattr(model, "output_names", None) or [tensor.name for tensor in model.outputs]
    return KerasEngine(traced, [tensor.name for tensor in model.inputs], list(outputs))


def _set_threads(threads: int) -> None:
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # TensorFlow has started its threads already, with what the first model asked for.
        return
