"""scikit-learn models from ``skops`` files, which cannot run code when they are loaded."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from trellis.serving.engines import EngineError, read_artefact
from trellis.serving.engines.tree_check import UnsafeEstimatorError, check_estimator
from trellis.serving.types import Tensors

#: Accepted beyond what skops itself trusts. A file can hold any numbers as a tree's nodes, and
#: compiled code follows them unchecked: ``check_estimator`` looks at each before it may predict.
TRUSTED = ("sklearn.tree._tree.Tree",)


class SklearnEngine:
    """One estimator; scikit-learn's prediction is safe in many threads.

    ``classes``: what its probabilities are of, in their order; ``None`` for a regressor.
    """

    version = f"scikit-learn-{sklearn.__version__}"

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator
        self._classifies = hasattr(estimator, "predict_proba")
        self.classes = tuple(estimator.classes_.tolist()) if self._classifies else None

    def run(self, inputs: Tensors) -> Tensors:
        """Probabilities FP32 [n, k] of a classifier, else predictions FP32, of the only input."""
        (array,) = inputs.values()
        if self._classifies:
            name, result = "probabilities", self._estimator.predict_proba(array)
        else:
            name, result = "predictions", self._estimator.predict(array)
        return {name: np.asarray(result, dtype=np.float32)}


def open_engine(path: Path, _threads: int, sha256: str | None = None) -> SklearnEngine:
    """Open a ``.skops`` file.

    Raises ``EngineError`` for another hash than ``sha256``, a pickle, unknown types or a bad tree.
    """
    return SklearnEngine(_single_threaded(load_checked(path, sha256)))


def load_checked(path: Path, sha256: str | None = None) -> Any:
    """The estimator in a skops file, all of whose types are trusted and whose trees are sound.

    Raises ``EngineError``.
    """
    content = read_artefact(path, sha256)
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise EngineError(
            f"{path.name} is not a skops file. A pickle or joblib file runs code when it is loaded and is "
            f"refused; convert it, if you trust where it comes from, with: "
            f"trellis models convert {path.name} {path.stem}.skops"
        )
    try:
        loaded = skops.io.loads(content, trusted=list(TRUSTED))
        check_estimator(loaded)
    except UntrustedTypesFoundException as error:
        found = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED))
        raise EngineError(
            f"{path.name} holds types that are not trusted: {', '.join(found)}; expected scikit-learn's own "
            "estimators, numpy arrays and plain values"
        ) from error
    except UnsafeEstimatorError as error:
        raise EngineError(f"{path.name} is refused: {error}") from error
    except Exception as error:  # a crafted file can make the loader raise anything
        raise EngineError(f"{path.name} is not a skops file that can be loaded: {error}") from error
    if not (hasattr(loaded, "predict") and hasattr(loaded, "get_params")):
        raise EngineError(f"{path.name} holds a {type(loaded).__name__}, expected an estimator")
    return loaded


def _single_threaded(estimator: Any) -> Any:
    """The estimator without workers of its own: starting them costs more than a batch does."""
    single = {name: 1 for name in estimator.get_params() if name.split("__")[-1] == "n_jobs"}
    return estimator.set_params(**single) if single else estimator
