"""Versions of the squares model for a rollout: two good ones, one that errs and one that is slow.

Who asks through a gateway is not told which version answered: the second adds 1 to each square.

The predictor classes come from a ConfigMap, as a team's own package would come with its image.
"""

import json
import shutil
from pathlib import Path

import yaml

from scripts.cluster.preflight import engine
from scripts.cluster.settings import Settings
from tests.e2e.support.kube import Document, Kube
from tests.e2e.support.load import Request
from tests.e2e.support.services import REPOSITORY, model

#: Where the nodes have the versions; as `/models`, with `squares/v1` and so on.
FOLDER = "/e2e-rollout"
NAME = "squares"
#: The number that `errs` cannot answer.
UNLUCKY = 13.0
_MODULE = "misbehaving"
#: Where the image has its packages: KServe lets nobody set PYTHONPATH.
_FILE = f"{_MODULE}.py"
_PLACE = f"/app/{_FILE}"
_CODE = f"""
import time

from predictors.squares import Squares


class Errs(Squares):
    def predict(self, inputs):
        if (inputs["numbers"] == {UNLUCKY}).any():
            raise RuntimeError("unlucky")
        return super().predict(inputs)


class Second(Squares):
    def predict(self, inputs):
        return {{name: values + 1 for name, values in super().predict(inputs).items()}}


class Slow(Squares):
    def predict(self, inputs):
        time.sleep(0.4)
        return super().predict(inputs)
"""
_VERSIONS = {
    "v1": "predictors.squares:Squares",
    "v2": f"{_MODULE}:Second",
    "errs": f"{_MODULE}:Errs",
    "slow": f"{_MODULE}:Slow",
}


def put_on_nodes(settings: Settings, scratch: Path) -> str:
    """Copy all versions to each worker; gives the folder."""
    published = yaml.safe_load((REPOSITORY / "models/squares/v1/model.yaml").read_text("utf-8"))
    for version, predictor in _VERSIONS.items():
        folder = scratch / NAME / version
        folder.mkdir(parents=True)
        document = {**published, "version": version, "predictor": predictor}
        (folder / "model.yaml").write_text(yaml.safe_dump(document), "utf-8")
    docker = engine().docker
    for node in settings.workers:
        docker("exec", node, "rm", "-rf", FOLDER)
        docker("exec", node, "mkdir", "--parents", FOLDER)
        docker("cp", str(scratch / NAME), f"{node}:{FOLDER}")
        docker("exec", node, "chmod", "--recursive", "a+rX", FOLDER)
    shutil.rmtree(scratch / NAME)
    return FOLDER


def package() -> Document:
    """The ConfigMap with the classes."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _MODULE},
        "data": {_FILE: _CODE},
    }


def service(kube: Kube, version: str) -> Document:
    """The InferenceService of one version, as people who have a Rollout write it: without a weight."""
    document = model(
        kube,
        "diabetes",
        f"pvc://models/{NAME}/{version}",
        model={
            "env": [
                {"name": "TRELLIS_PREDICTOR_PACKAGES", "value": f"predictors,{_MODULE}"},
            ],
            "volumeMounts": [
                {"name": _MODULE, "mountPath": _PLACE, "subPath": _FILE, "readOnly": True}
            ],
        },
        volumes=[{"name": _MODULE, "configMap": {"name": _MODULE}}],
    )
    document["metadata"]["name"] = NAME
    return document


def number(port: int, host: str, value: float) -> Request:
    """One number to be squared."""
    tensor = {"name": "numbers", "datatype": "FP32", "shape": [1], "data": [value]}
    body = json.dumps({"inputs": [tensor]}).encode()
    return Request(port, host, f"/v2/models/{NAME}/infer", body)
