"""The locks that images are made of."""

import re

import pytest

from scripts.images.targets import ROOT

LOCKS = ("serving", "serving-gpu", "keras", "sklearn", "gateway")


def entries(lock: str) -> list[str]:
    text = (ROOT / f"requirements/{lock}.lock").read_text("utf-8")
    return re.split(r"(?m)^(?=[a-z0-9])", text)[1:]


def pins(lock: str) -> dict[str, set[str]]:
    """Versions by package: more than one where they differ by Python's version."""
    found: dict[str, set[str]] = {}
    for entry in entries(lock):
        name, version = re.split("==| ", entry, maxsplit=2)[:2]
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_each_pin_has_a_hash_and_none_builds_this_project(lock: str) -> None:
    assert [entry for entry in entries(lock) if "--hash=sha256:" not in entry] == []
    assert not {"hatchling", "editables", "pip", "uv"} & set(pins(lock))


@pytest.mark.parametrize("lock", LOCKS)
def test_the_versions_are_those_that_the_tests_run(lock: str) -> None:
    tested = pins("dev")
    shared = {name: found for name, found in pins(lock).items() if name in tested}
    assert len(shared) > 20
    assert {name: found for name, found in shared.items() if not found <= tested[name]} == {}


def test_frameworks_are_where_they_belong() -> None:
    heavy = {"tensorflow-cpu", "scikit-learn", "onnxruntime", "onnxruntime-gpu", "kserve"}
    assert heavy & set(pins("serving")) == {"onnxruntime", "kserve"}
    assert heavy & set(pins("serving-gpu")) == {"onnxruntime-gpu", "kserve"}
    assert heavy & set(pins("keras")) == {"onnxruntime", "kserve", "tensorflow-cpu"}
    assert heavy & set(pins("sklearn")) == {"onnxruntime", "kserve", "scikit-learn"}
    assert heavy & set(pins("gateway")) == set()


def test_onnx_runtime_has_one_version_on_cpu_and_gpu() -> None:
    assert pins("serving-gpu")["onnxruntime-gpu"] == pins("serving")["onnxruntime"]
