"""The base class of every predictor: a ``kserve.Model`` that speaks in batches of arrays."""

import importlib
import inspect
from typing import Any, ClassVar

import kserve
import numpy as np
from anyio import to_thread

from trellis.contracts.model_yaml import EngineName
from trellis.serving.engines import Engine, open_engine
from trellis.serving.types import Tensors, rows_of
from trellis.serving.version_folder import VersionFolder, VersionFolderError


class Predictor(kserve.Model):  # type: ignore[misc]  # kserve ships no types
    """A model version.

    The server calls ``decode`` for each request, gathers rows of many requests into a batch,
    calls ``predict`` and ``encode`` once for it in a thread, and gives each request its rows.
    Subclasses override what they need; a class that only computes overrides ``predict``.

    Parameters: ``folder``, the opened version; ``engine_name``, another engine than the one
    that ``model.yaml`` prefers; ``threads``, the most that the engine may use.
    """

    #: True where decoding takes long enough (images) to belong in a thread.
    decode_off_loop: ClassVar[bool] = False
    #: True where ``predict`` and ``encode`` of a batch take well under a millisecond and wait for
    #: nothing: then the event loop computes them itself, which saves more than it costs. A batch
    #: that would hold the loop longer than that still goes to the thread.
    predict_on_loop: ClassVar[bool] = False

    def __init__(
        self, folder: VersionFolder, engine_name: EngineName | None = None, threads: int = 1
    ) -> None:
        super().__init__(folder.yaml.name)
        self.folder = folder
        self.threads = threads
        self.engine_name = engine_name or folder.yaml.engine
        # kserve.Model's own attribute of this name is a flag; ours is falsy until loaded too.
        self.engine: Engine | None = None

    def load(self) -> bool:
        """Open the engine, where the version has one; override to read more, calling this first.

        Returns True; raises ``VersionFolderError`` or ``EngineError`` where it cannot.
        """
        if self.engine_name is not None:
            artefact = self.folder.yaml.artefacts.get(self.engine_name)
            if artefact is None:
                raise VersionFolderError(
                    f"{self.folder.title} has no artefact for engine {self.engine_name!r}, "
                    f"only for {sorted(self.folder.yaml.artefacts)}"
                )
            self.engine = open_engine(
                self.engine_name,
                self.folder.file(artefact),
                self.threads,
                self.folder.yaml.files[artefact],
            )
        return True

    def decode(self, inputs: Tensors) -> Tensors:
        """One request's tensors, as the signature names them, to arrays that can be batched.

        ``inputs`` fit the signature (a BYTES tensor is an object array of ``bytes``); dimension 0
        of every array, in and out, is the rows. Raise a ``ServingError`` for input that fits the
        signature and is bad all the same (a broken image): it fails this request alone.
        """
        return inputs

    def predict(self, inputs: Tensors) -> Tensors:
        """A batch of decoded rows to a batch of results; runs in a thread, must be safe in several.

        The default runs the engine.
        """
        if self.engine is None:
            raise NotImplementedError(
                f"{type(self).__name__} has no engine and does not override predict"
            )
        return self.engine.run(inputs)

    def encode(self, outputs: Tensors) -> Tensors:
        """The batch's results to the outputs of the signature; runs in the same thread."""
        return outputs

    def v1_predictions(self, outputs: Tensors) -> list[Any]:
        """One request's outputs as the list under V1's ``predictions``, one element a row.

        A single output gives its rows, several give an object a row.
        """
        columns = {name: _json_rows(array) for name, array in outputs.items()}
        if len(columns) == 1:
            (only,) = columns.values()
            return only
        return [{name: rows[i] for name, rows in columns.items()} for i in range(rows_of(outputs))]

    def warm_up(self) -> None:
        """Answer the version's first example, so that no caller pays for first-time work.

        Raises ``VersionFolderError`` where the answer holds NaN or an infinity.
        """
        from trellis.serving.codecs.v2_json import decode_example

        first = self.folder.yaml.examples[0]
        outputs = self.encode(self.predict(self.decode(decode_example(first, self.folder.yaml))))
        for name, array in outputs.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise VersionFolderError(
                    f"{self.folder.title}: output {name!r} of its own first example is no finite number"
                )

    @property
    def fingerprint(self) -> str:
        """``sha256:…`` over all that decides this version's answers."""
        version = self.engine.version if self.engine is not None else ""
        return self.folder.fingerprint(type(self), self.engine_name, version)

    async def __call__(
        self,
        body: Any,
        headers: dict[str, str] | None = None,
        verb: Any = kserve.model.InferenceVerb.PREDICT,
    ) -> tuple[Any, dict[str, str]]:
        """Answer KServe's own server: V1's dictionary or a V2 ``InferRequest``.

        So the same class also runs under a stock ``kserve.ModelServer``. Raises KServe's
        ``InvalidInput`` for a bad request.
        """
        from trellis.serving.stock import answer_stock

        return await to_thread.run_sync(answer_stock, self, body, verb)

    def get_input_types(self) -> list[dict[str, Any]]:
        """Inputs of the signature in KServe's metadata form."""
        return [
            {"name": i.name, "datatype": i.datatype, "shape": list(i.shape)}
            for i in self.folder.yaml.inputs
        ]

    def get_output_types(self) -> list[dict[str, Any]]:
        """Outputs of the signature in KServe's metadata form."""
        return [
            {"name": o.name, "datatype": o.datatype, "shape": list(o.shape)}
            for o in self.folder.yaml.outputs
        ]


def _json_rows(array: np.ndarray[Any, Any]) -> list[Any]:
    rows: list[Any] = array.tolist()
    return _texts(rows) if array.dtype == object else rows


def _texts(values: list[Any]) -> list[Any]:
    return [
        value.decode("utf-8", "replace")
        if isinstance(value, bytes)
        else _texts(value)
        if isinstance(value, list)
        else value
        for value in values
    ]


def predictor_class(spec: str, packages: tuple[str, ...]) -> type[Predictor]:
    """The class named ``module:Class``, only from ``packages`` and only a ``Predictor``.

    A model file names its class but never brings code. Raises ``VersionFolderError``.
    """
    module_name, _, class_name = spec.partition(":")
    if not any(
        module_name == package or module_name.startswith(f"{package}.") for package in packages
    ):
        raise VersionFolderError(
            f"predictor {spec!r} is not in an allowed package; TRELLIS_PREDICTOR_PACKAGES allows {list(packages)}"
        )
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise VersionFolderError(f"predictor {spec!r} cannot be imported: {error}") from error
    if not (inspect.isclass(found) and issubclass(found, Predictor)):
        raise VersionFolderError(
            f"predictor {spec!r} is not a subclass of trellis.serving.Predictor"
        )
    return found
