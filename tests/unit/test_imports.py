"""What importing a process pulls in: heavy libraries only where a model of theirs is loaded."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "tensorflow",
    "keras",
    "sklearn",
    "skops",
    "onnx",
    "skl2onnx",
    "tf2onnx",
    "joblib",
    "torch",
}


def imported_by(module: str) -> set[str]:
    code = f"import sys, json; sys.argv = ['x']; import {module}; print(json.dumps(sorted(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(found.stdout))


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("trellis.contracts.routing_table", HEAVY | {"kserve", "numpy", "yaml"}),
        ("trellis.telemetry.metrics", HEAVY | {"kserve", "numpy", "pydantic"}),
        ("trellis.serving.server", HEAVY | {"onnxruntime"}),
        ("trellis.gateway.app", HEAVY | {"onnxruntime", "kserve", "numpy", "pandas", "fastapi"}),
        ("trellis.local.up", HEAVY | {"onnxruntime", "kserve", "pandas", "scipy.optimize"}),
        ("trellis.cli", HEAVY | {"onnxruntime", "kserve", "numpy", "pydantic", "aiohttp"}),
    ],
)
def test_process_imports_nothing_heavy(module: str, forbidden: set[str]) -> None:
    assert imported_by(module) & forbidden == set()
