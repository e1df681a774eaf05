"""A version that cannot load, in a folder of the nodes: an artefact that is not what its hash says."""

import shutil
from pathlib import Path

from scripts.cluster.preflight import engine
from scripts.cluster.settings import Settings
from tests.e2e.support.services import REPOSITORY

#: Where the nodes have it; as `/models`, with `diabetes/v1` and `diabetes/v2` beside `diabetes/broken`.
FOLDER = "/e2e-models"
STORAGE = "pvc://models/diabetes/broken"


def put_on_nodes(settings: Settings, scratch: Path) -> str:
    """Copy the diabetes model with one more, broken version to each worker; gives the folder."""
    model = scratch / "diabetes"
    shutil.copytree(REPOSITORY / "models/diabetes", model, ignore=shutil.ignore_patterns("*.py"))
    broken = shutil.copytree(model / "v2", model / "broken")
    with (broken / "model.onnx").open("ab") as artefact:
        artefact.write(b"one byte too many")
    docker = engine().docker
    for node in settings.workers:
        docker("exec", node, "mkdir", "--parents", FOLDER)
        docker("cp", str(model), f"{node}:{FOLDER}")
        docker("exec", node, "chmod", "--recursive", "a+rX", FOLDER)
    return FOLDER
