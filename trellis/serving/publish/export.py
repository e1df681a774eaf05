"""A framework's artefact to ONNX: one input, one output, any number of rows."""

import tempfile
import warnings
from pathlib import Path
from typing import Any

from trellis.contracts.model_yaml import EngineName

_FP32 = 1  #: onnx.TensorProto.FLOAT


class ExportError(Exception):
    """This model has no ONNX form here; the message says why."""


def export_onnx(engine: EngineName, artefact: Path) -> bytes:
    """The ONNX form of a ``keras`` or ``sklearn`` artefact; raises ``ExportError``."""
    exporters = {"keras": _of_keras, "sklearn": _of_sklearn}
    try:
        with warnings.catch_warnings():
            # The exporters warn of what other libraries deprecate, which nobody here can act on.
            warnings.simplefilter("ignore")
            return exporters[engine](artefact)
    except (
        Exception
    ) as error:  # exporters raise what the layer or estimator at fault makes them raise
        raise ExportError(f"{type(error).__name__}: {error}") from error


def _of_keras(artefact: Path) -> bytes:
    import keras
    import numpy as np

    model: Any = keras.saving.load_model(artefact, compile=False, safe_mode=True)
    shapes = [[size or 1 for size in tensor.shape] for tensor in model.inputs]
    rows = [np.zeros(shape, np.float32) for shape in shapes]
    model(rows if len(rows) > 1 else rows[0])  # a model that was never called cannot be exported
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        model.export(str(file), format="onnx", verbose=False)
        return file.read_bytes()


def _of_sklearn(artefact: Path) -> bytes:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs

    from trellis.serving.engines.sklearn import load_checked

    estimator = load_checked(artefact)
    columns = int(estimator.n_features_in_)
    classifies = hasattr(estimator, "predict_proba")
    graph: Any = to_onnx(
        estimator,
        initial_types=[("features", FloatTensorType([None, columns]))],
        options={id(estimator): {"zipmap": False}} if classifies else None,
    )
    if classifies:  # the graph's own label is an index; the predictor names it
        graph = select_model_inputs_outputs(graph, outputs=["probabilities"])
        output = graph.graph.output[0].type.tensor_type
        output.elem_type = _FP32
        del output.shape.dim[:]
        output.shape.dim.add().dim_param = "rows"
        output.shape.dim.add().dim_value = len(estimator.classes_)
    serialised: bytes = graph.SerializeToString()
    return serialised
