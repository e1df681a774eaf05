from collections.abc import Callable
from pathlib import Path

import pytest

from trellis.local.inference_service import InferenceService
from trellis.local.manifests import read_paths

MODEL_FORM = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: tomato
spec:
  predictor:
    model:
      modelFormat: {name: trellis}
      storageUri: pvc://models/tomato/v1
"""

CONTAINER_FORM = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: squares
spec:
  predictor:
    containers:
      - name: kserve-container
        image: trellis/predictor
        command: [python, -m, trellis.serving]
        args: [--model_dir, /mnt/models, "--model_name=numbers"]
        env:
          - {name: STORAGE_URI, value: "pvc://models/squares/v1"}
"""

ROLLOUT_FORM = """\
apiVersion: trellis.dev/v1alpha1
kind: Rollout
metadata:
  name: moves
spec:
  inferenceService: tomato
  deadline: 1h
  steps:
    - weight: 5
    - weight: 20
  guardrails:
    - metric: errors
      margin: {ratio: 1.5}
"""

EXPERIMENT_FORM = """\
apiVersion: trellis.dev/v1alpha1
kind: Experiment
metadata:
  name: compares
spec:
  model: tomato
  arms:
    - {version: v1}
    - {version: v2, inferenceService: other}
  goal: {kind: label}
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a manifest and returns its path."""

    def write_manifest(text: str, name: str = "m.yaml") -> Path:
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return write_manifest


@pytest.fixture
def service(write: Write) -> Callable[[str], InferenceService]:
    """The one InferenceService of a text that is well formed."""

    def read(text: str) -> InferenceService:
        reading = read_paths([write(text)])
        assert not reading.findings, [finding.text() for finding in reading.findings]
        (only,) = reading.services
        return only

    return read


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models folder whose version folders satisfy everything but the predictor."""
    source = Path(__file__).parents[3] / "models" / "squares" / "v1" / "model.yaml"
    for version in ("tomato/v1", "tomato/v2", "squares/v1"):
        folder = tmp_path / "models" / version
        folder.mkdir(parents=True)
        named = source.read_text().replace("name: squares", f"name: {folder.parent.name}", 1)
        (folder / "model.yaml").write_text(named)
    return tmp_path / "models"
