"""The default engine: ONNX Runtime, on CUDA where it is built in and a device is there."""

from pathlib import Path

import onnxruntime

from trellis.serving.engines import EngineError, read_artefact
from trellis.serving.types import Tensors

_PREFERRED = ("CUDAExecutionProvider", "CPUExecutionProvider")

if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
    # CUDA comes as packages, where the system's loader does not look: without this a machine with
    # a GPU would compute on its CPU.
    onnxruntime.preload_dlls()


class OnnxEngine:
    """One inference session; ONNX Runtime lets many threads run it at once."""

    version = f"onnxruntime-{onnxruntime.__version__}"

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._inputs = [node.name for node in session.get_inputs()]
        self._outputs = [node.name for node in session.get_outputs()]

    def run(self, inputs: Tensors) -> Tensors:
        """Compute one batch; raises ``KeyError`` where a named input is missing."""
        if len(self._inputs) == 1:
            (array,) = inputs.values()
            feed = {self._inputs[0]: array}
        else:
            feed = {name: inputs[name] for name in self._inputs}
        return dict(zip(self._outputs, self._session.run(None, feed), strict=True))


def open_engine(path: Path, threads: int, sha256: str | None = None) -> OnnxEngine:
    """Open an ``.onnx`` file with ``threads`` threads inside an operator.

    Raises ``EngineError`` where the file has another hash than ``sha256`` or is not a model that
    this runtime can run.
    """
    content = read_artefact(path, sha256)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning workers burn the core that the event loop needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    available = set(onnxruntime.get_available_providers())
    try:
        session = onnxruntime.InferenceSession(
            content, options, providers=[name for name in _PREFERRED if name in available]
        )
    except Exception as error:  # its exceptions share no public base
        raise EngineError(
            f"{path.name} is not a model that ONNX Runtime can run: {error}"
        ) from error
    return OnnxEngine(session)
