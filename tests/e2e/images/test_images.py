"""The images that `make images` builds, run as a restricted pod would run them."""

import json
import shutil
from pathlib import Path

import pytest

from scripts.images import sizes
from scripts.images.build import arguments, certificates
from scripts.images.check import check
from scripts.images.docker import docker
from scripts.images.sizes import Measured
from scripts.images.targets import ROOT, Target, named

TARGETS = named([])


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: str(target.name))
def test_each_image_answers_without_network_root_or_a_writable_disk(target: Target) -> None:
    check(target)


def test_the_slim_predictor_is_at_most_a_quarter_of_the_one_with_keras() -> None:
    measured = [Measured(target, sizes.size(target), 0) for target in TARGETS]
    assert sizes.too_large(measured) is None


@pytest.mark.parametrize("target", TARGETS[:3], ids=lambda target: str(target.name))
def test_a_pod_may_name_the_command_itself(target: Target) -> None:
    """The custom-container form: `command: [python, -m, trellis.serving]`."""
    told = docker(
        "run", "--rm", "--entrypoint=python", target.image, "-m", "trellis.serving", "--help"
    )
    assert "--model_dir" in told


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (("trellis.gateway.worker",), "--worker_concurrency"),
        (("trellis.cli", "keys"), "create"),
        (("trellis.cli", "jobs"), "dead"),
    ],
    ids=["worker", "keys", "jobs"],
)
def test_the_gateway_s_image_runs_workers_and_the_commands_of_keys_and_jobs(
    module: tuple[str, ...], words: str
) -> None:
    (target,) = named(["gateway"])
    told = docker("run", "--rm", "--entrypoint=python", target.image, "-m", *module, "--help")
    assert words in told


def test_a_change_of_code_makes_one_new_layer(base: str, tmp_path: Path) -> None:
    (target,) = named(["predictor"])
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("trellis", "predictors", "requirements", "scripts/images"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "predictors/another.py").write_text('"""Another predictor."""\n')
    changed = "trellis/predictor:changed"
    told = [
        argument
        for argument in arguments(target, base, certificates(), "unknown")
        if not argument.startswith("--tag=")
    ]
    docker("build", *told, f"--tag={changed}", str(tmp_path))
    try:
        before, after = layers(target.image), layers(changed)
    finally:
        docker("image", "rm", "--force", changed)
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]


def layers(image: str) -> list[str]:
    found: list[str] = json.loads(
        docker("image", "inspect", "--format={{json .RootFS.Layers}}", image)
    )
    return found
