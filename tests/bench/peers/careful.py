"""The predictor that a careful KServe user writes: the same server, the library's slow wrappers left out.

Run as ``python -m tests.bench.peers.careful KIND FOLDER --http_port N --grpc_port M``.
"""

import sys
from pathlib import Path
from typing import Any

import kserve
import numpy as np
from kserve import InferRequest, InferResponse
from kserve.utils.utils import get_predict_response

from tests.bench.peers import stock


class Forest(stock.Forest):
    """Calls the trees themselves: no validation, no joblib, once for each tree."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.trees = [tree.tree_ for tree in self.forest.estimators_]

    def predict(self, payload: InferRequest, headers: Any = None) -> InferResponse:
        rows = np.ascontiguousarray(payload.inputs[0].as_numpy(), dtype=np.float32)
        total = self.trees[0].predict(rows)
        for tree in self.trees[1:]:
            total += tree.predict(rows)
        return get_predict_response(payload, total / len(self.trees), self.name)


class Picture(stock.Picture):
    """``predict_on_batch`` instead of ``predict``, which sets up a data pipeline for each call."""

    def compute(self, rows: Any) -> Any:
        return self.network.predict_on_batch(rows)


KINDS = {"forest": Forest, "picture": Picture}

if __name__ == "__main__":
    kserve.ModelServer().start([KINDS[sys.argv[1]](Path(sys.argv[2]))])
