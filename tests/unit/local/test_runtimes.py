from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.unit.local.conftest import MODEL_FORM
from trellis.local.inference_service import InferenceService
from trellis.local.runtimes import RUNTIMES

FOLDER = Path(__file__).parents[3] / "manifests" / "runtimes"


def test_they_are_those_of_the_manifests() -> None:
    assert {file.stem for file in FOLDER.glob("trellis*.yaml")} == set(RUNTIMES)


@pytest.mark.parametrize("name", RUNTIMES)
def test_their_arguments_are_those_of_the_manifests(name: str) -> None:
    runtime = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    (container,) = runtime["spec"]["containers"]
    own = [
        word for word in container["args"] if not word.startswith(("--model_name", "--model_dir"))
    ]
    assert tuple(own) == RUNTIMES[name].args


@pytest.mark.parametrize("name", RUNTIMES)
def test_their_resources_are_those_of_the_manifests(name: str) -> None:
    runtime = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    (container,) = runtime["spec"]["containers"]
    ours = RUNTIMES[name]
    assert container["resources"] == {"requests": ours.requests, "limits": ours.limits}


def test_a_manifest_s_own_arguments_come_after_its_runtime_s(
    service: Callable[[str], InferenceService],
) -> None:
    text = MODEL_FORM + "      runtime: trellis-keras\n      args: [--threads=1]\n"
    assert service(text).template.args == ("--engine=keras", "--threads=1")
