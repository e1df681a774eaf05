"""``kserve.Model`` as its documentation shows it: a synchronous ``predict`` that calls the library.

Run as ``python -m tests.bench.peers.stock KIND FOLDER --http_port N --grpc_port M``.
"""

import base64
import io
import sys
from pathlib import Path
from typing import Any

import kserve
import numpy as np
from kserve import InferRequest, InferResponse
from kserve.utils.utils import get_predict_response

from tests.bench.peers import artefacts


class Squares(kserve.Model):  # type: ignore[misc]  # kserve ships no types
    """The no-op."""

    def __init__(self, folder: Path) -> None:
        super().__init__("squares")
        self.ready = True

    def predict(self, payload: InferRequest, headers: Any = None) -> InferResponse:
        return get_predict_response(payload, payload.inputs[0].as_numpy() ** 2, self.name)


class Forest(kserve.Model):  # type: ignore[misc]  # kserve ships no types
    """scikit-learn's ``predict_proba``, one row at a time."""

    def __init__(self, folder: Path) -> None:
        super().__init__("diabetes")
        self.forest = artefacts.estimator(folder)
        self.ready = True

    def predict(self, payload: InferRequest, headers: Any = None) -> InferResponse:
        result = self.forest.predict_proba(payload.inputs[0].as_numpy())
        return get_predict_response(payload, result, self.name)


class Text(kserve.Model):  # type: ignore[misc]  # kserve ships no types
    """A scikit-learn pipeline from the sentence to the probabilities."""

    def __init__(self, folder: Path) -> None:
        super().__init__("sentiment")
        self.pipeline = artefacts.text_pipeline(folder)
        self.ready = True

    def predict(self, payload: InferRequest, headers: Any = None) -> InferResponse:
        result = self.pipeline.predict_proba(payload.inputs[0].data)
        return get_predict_response(payload, result, self.name)


class Picture(kserve.Model):  # type: ignore[misc]  # kserve ships no types
    """V1 JSON with a base64 picture; Pillow, then Keras' ``predict``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(artefacts.name(folder))
        self.network = artefacts.network(folder)
        self.preprocessing = artefacts.preprocessing(folder)
        self.ready = True

    def predict(self, payload: dict[str, Any], headers: Any = None) -> dict[str, Any]:
        from PIL import Image

        wanted = self.preprocessing
        rows = []
        for instance in payload["instances"]:
            picture = Image.open(io.BytesIO(base64.b64decode(instance["image"]["b64"])))
            small = picture.convert("RGB").resize(
                (wanted.width, wanted.height), Image.Resampling.BILINEAR
            )
            rows.append(np.asarray(small, dtype=np.float32) * wanted.scale + wanted.offset)
        return {"predictions": self.compute(np.stack(rows).astype(np.float32)).tolist()}

    def compute(self, rows: Any) -> Any:
        return self.network.predict(rows, verbose=0)


class Tensor(kserve.Model):  # type: ignore[misc]  # kserve ships no types
    """A V2 tensor to Keras' ``predict``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(artefacts.name(folder))
        self.network = artefacts.network(folder)
        self.ready = True

    def predict(self, payload: InferRequest, headers: Any = None) -> InferResponse:
        result = self.network.predict(payload.inputs[0].as_numpy(), verbose=0)
        return get_predict_response(payload, result, self.name)


KINDS = {
    "squares": Squares,
    "forest": Forest,
    "text": Text,
    "picture": Picture,
    "tensor": Tensor,
}

if __name__ == "__main__":
    kserve.ModelServer().start([KINDS[sys.argv[1]](Path(sys.argv[2]))])
