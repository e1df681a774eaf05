"""``trellis models publish``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from trellis.serving.engines import EngineError
from trellis.serving.errors import ServingError
from trellis.serving.publish.answers import WrongLabelsError
from trellis.serving.publish.description import Description
from trellis.serving.publish.held_out import HeldOut, HeldOutError
from trellis.serving.publish.version import PublishError, publish
from trellis.serving.version_folder import VersionFolderError


def main(argv: Sequence[str] | None = None) -> int:
    """Publish one version from files; returns the exit status, 2 for what a person must change."""
    parser = argparse.ArgumentParser(
        prog="trellis models publish",
        description="Write a version folder from a trained artefact and held-out rows.",
    )
    parser.add_argument(
        "description", type=Path, help="YAML: name, version, predictor, inputs, labels, data"
    )
    parser.add_argument(
        "--artefact", type=Path, help="what the training saved: .keras, .h5, .skops or .onnx"
    )
    parser.add_argument(
        "--held-out",
        type=Path,
        required=True,
        help=".npz, .csv, or a folder with a folder of pictures a label",
    )
    parser.add_argument(
        "--to", type=Path, required=True, help="the version folder to write, models/NAME/VERSION"
    )
    parser.add_argument(
        "--file",
        type=Path,
        action="append",
        default=[],
        help="another file that the predictor reads",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=1e-4,
        help="largest difference at which the ONNX export is kept (%(default)s)",
    )
    parser.add_argument(
        "--packages",
        default="predictors",
        help="packages that the predictor class may come from, with commas between",
    )
    given = parser.parse_args(argv)
    try:
        content = yaml.safe_load(given.description.read_text(encoding="utf-8"))
        description = Description.model_validate(content)
        written = publish(
            given.to,
            description,
            given.artefact,
            HeldOut.read(given.held_out, description.inputs, description.labels),
            files=given.file,
            tolerance=given.tolerance,
            packages=tuple(given.packages.split(",")),
        )
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the document"
        return _failed(f"{given.description.name}: {field}: {first['msg']}")
    except yaml.YAMLError as error:
        return _failed(f"{given.description.name} is not YAML: {error}")
    except (
        OSError,
        PublishError,
        HeldOutError,
        WrongLabelsError,
        VersionFolderError,
        EngineError,
        ServingError,
    ) as error:
        return _failed(str(error))
    served_by = written.engine or "the class itself"
    sys.stdout.write(
        f"{written.name}/{written.version}: served by {served_by}, {written.metrics}\n"
    )
    return 0


def _failed(sentence: str) -> int:
    sys.stderr.write(f"trellis models publish: {sentence}\n")
    return 2
