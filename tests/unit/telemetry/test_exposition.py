"""The metrics page of one process, and of several that share a directory."""

import subprocess
import sys
from pathlib import Path

import pytest

from trellis.telemetry.exposition import metrics_page

WORKER = """
from prometheus_client import Counter
Counter("shared_things_total", "t").inc(2)
"""


def test_one_process() -> None:
    body, content_type = metrics_page()
    assert content_type.startswith("text/plain")
    assert b"python_info" in body


def test_workers_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    for _ in range(2):
        subprocess.run([sys.executable, "-c", WORKER], check=True)
    body, _ = metrics_page()
    assert b"shared_things_total 4.0" in body
