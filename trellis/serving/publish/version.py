"""Write one version folder, whole or not at all."""

import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from trellis.contracts.model_yaml import EngineName, ModelYaml, Parity
from trellis.contracts.tensors import Example
from trellis.serving.engines import EngineError
from trellis.serving.publish import examples as rows_as_examples
from trellis.serving.publish.answers import answers, compare
from trellis.serving.publish.description import Description
from trellis.serving.publish.export import ExportError, export_onnx
from trellis.serving.publish.held_out import HeldOut
from trellis.serving.publish.measures import metrics, reference
from trellis.serving.types import Tensors
from trellis.serving.version_folder import VersionFolder, VersionFolderError, sha256_of
from trellis.telemetry.logs import get_logger

#: The engine that loads an artefact, by the file's suffix.
ENGINES: dict[str, EngineName] = {
    ".keras": "keras",
    ".h5": "keras",
    ".hdf5": "keras",
    ".skops": "sklearn",
    ".onnx": "onnx",
}
_CODE_ON_LOAD = frozenset({".joblib", ".pkl", ".pickle"})
_ONNX_FILE = "model.onnx"


class PublishError(Exception):
    """The version cannot be published; the message says what to change."""


def publish(
    destination: Path,
    description: Description,
    artefact: Path | None,
    held_out: HeldOut,
    *,
    files: Sequence[Path] = (),
    examples: Sequence[tuple[str, Tensors]] = (),
    tolerance: float = 1e-4,
    packages: tuple[str, ...] = ("predictors",),
) -> ModelYaml:
    """Write ``destination`` and return its ``model.yaml``.

    An older folder of the same model and version is replaced; it goes when the new one stands.

    Parameters: ``artefact``, what the training saved (``None`` for a class that computes by
    itself); ``files``, more that the predictor reads; ``examples``, titles and wire tensors
    (left out: the first held-out row of each label); ``tolerance``, the largest difference of
    any probability at which an ONNX export is kept and preferred; ``packages``, where the
    predictor class may come from.

    Raises ``PublishError`` for an artefact of no known kind or a ``destination`` that holds
    anything else, ``WrongLabelsError``, and what opening the version or answering a held-out row
    raises.
    """
    destination = destination.resolve()
    _check_replaceable(destination, description)
    engine = None if artefact is None else engine_of(artefact)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".publishing-", dir=destination.parent) as temporary:
        folder = Path(temporary) / destination.name
        folder.mkdir()
        for file in files:
            shutil.copyfile(file, folder / file.name)
        artefacts: dict[EngineName, str] = {}
        if artefact is not None and engine is not None:
            artefacts[engine] = f"model{artefact.suffix}"
            shutil.copyfile(artefact, folder / artefacts[engine])
        shown = tuple(
            rows_as_examples.example(title, inputs, description.inputs)
            for title, inputs in examples
        ) or rows_as_examples.of_held_out(held_out, description.inputs, description.labels)
        draft = _Draft(folder, description, shown)
        draft.write(engine, artefacts)
        outputs = answers(folder, engine, held_out, packages)
        parity: Parity | None = None
        if engine in ("keras", "sklearn"):
            parity, outputs = _exported(
                draft, engine, artefacts, held_out, outputs, tolerance, packages
            )
        columns = [str(name) for name in description.preprocessing.get("features", ())]
        written = draft.write(
            "onnx" if "onnx" in artefacts else engine,
            artefacts,
            parity=parity,
            metrics={**description.metrics, **metrics(outputs, held_out.truth, description.labels)},
            reference=reference(held_out, outputs, description.labels, columns),
        )
        _check_replaceable(destination, description)
        _replace(destination, folder, aside=Path(f"{temporary}-replaced"))
    return written


def _check_replaceable(destination: Path, description: Description) -> None:
    """Raise ``PublishError`` unless there is nothing to lose: a folder is replaced whole."""
    if not destination.exists() or (destination.is_dir() and not any(destination.iterdir())):
        return
    wanted = f"{description.name}/{description.version}"
    try:
        found = VersionFolder.read(destination).title
    except VersionFolderError as error:
        found = f"something else ({error})"
    if found != wanted:
        raise PublishError(
            f"{destination.name} holds {found}, expected an older {wanted} or nothing: "
            f"name a folder of its own, as {wanted}"
        )


def _replace(destination: Path, folder: Path, aside: Path) -> None:
    """Put ``folder`` at ``destination``; until it stands, what was there is kept ``aside``."""
    if not destination.exists():
        folder.rename(destination)
        return
    destination.rename(aside)
    try:
        folder.rename(destination)
    except BaseException:
        aside.rename(destination)
        raise
    shutil.rmtree(aside)


def engine_of(artefact: Path) -> EngineName:
    """The engine for this file; raises ``PublishError``."""
    if artefact.suffix in _CODE_ON_LOAD:
        raise PublishError(
            f"{artefact.name} runs code when it is loaded and is refused; convert it, if you trust where it "
            f"comes from, with: trellis models convert {artefact.name} {artefact.stem}.skops"
        )
    engine = ENGINES.get(artefact.suffix)
    if engine is None:
        raise PublishError(f"{artefact.name}: expected one of {', '.join(ENGINES)}")
    return engine


def _exported(
    draft: "_Draft",
    engine: EngineName,
    artefacts: dict[EngineName, str],
    held_out: HeldOut,
    outputs: Tensors,
    tolerance: float,
    packages: tuple[str, ...],
) -> tuple[Parity | None, Tensors]:
    """Add an ONNX export to the draft where its answers are those of the framework.

    Returns the parity that was found (``None`` where the model has no ONNX form) and the
    outputs of the engine that will serve.
    """
    try:
        (draft.folder / _ONNX_FILE).write_bytes(
            export_onnx(engine, draft.folder / artefacts[engine])
        )
        draft.write(engine, {**artefacts, "onnx": _ONNX_FILE})
        exported = answers(draft.folder, "onnx", held_out, packages)
    except (ExportError, EngineError) as error:
        (draft.folder / _ONNX_FILE).unlink(missing_ok=True)
        get_logger().warning(
            "no ONNX export: the framework's own engine will serve", reason=str(error)
        )
        return None, outputs
    parity = compare(outputs, exported, tolerance)
    if parity.largest_difference > tolerance or parity.label_agreement < 1.0:
        (draft.folder / _ONNX_FILE).unlink()
        get_logger().warning(
            "the ONNX export answers otherwise and is left out", **parity.model_dump()
        )
        return parity, outputs
    artefacts["onnx"] = _ONNX_FILE
    return parity, exported


class _Draft:
    """A folder being made, whose ``model.yaml`` is written anew as more becomes known."""

    def __init__(
        self, folder: Path, description: Description, examples: tuple[Example, ...]
    ) -> None:
        self.folder = folder
        self._description = description
        self._examples = examples
        self._created = datetime.now(UTC).replace(microsecond=0)

    def write(
        self, engine: EngineName | None, artefacts: dict[EngineName, str], **measured: Any
    ) -> ModelYaml:
        described = self._description
        document = ModelYaml(
            **{**described.model_dump(exclude={"inputs", "outputs", "data"}), **measured},
            engine=engine,
            artefacts=artefacts,
            inputs=described.inputs,
            outputs=described.all_outputs(),
            data=described.data,
            examples=self._examples,
            created=self._created,
            files={
                file.name: sha256_of(file)
                for file in sorted(self.folder.iterdir())
                if file.name != "model.yaml"
            },
        )
        content = document.model_dump(mode="json", exclude_none=True)
        text = yaml.safe_dump(
            content, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
        )
        (self.folder / "model.yaml").write_text(text, encoding="utf-8")
        return document
