"""The gateway stays small: what importing it pulls in, seen from a child process."""

import subprocess
import sys

FORBIDDEN = (
    "kserve",
    "numpy",
    "pandas",
    "tensorflow",
    "sklearn",
    "onnxruntime",
    "PIL",
    "kubernetes",
    "jwt",
    "psutil",
    "pygal",
)


def test_the_gateway_imports_no_machine_learning_and_no_kserve() -> None:
    script = (
        "import sys, trellis.gateway.__main__;"
        "print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    child = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert set(child.stdout.split()).isdisjoint(FORBIDDEN)
