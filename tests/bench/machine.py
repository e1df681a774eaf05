"""What the figures were measured on, and with which versions."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.bench import generators

_PACKAGES = (
    "kserve",
    "uvicorn",
    "uvloop",
    "httptools",
    "orjson",
    "grpcio",
    "numpy",
    "pillow",
    "onnxruntime",
    "scikit-learn",
    "tensorflow-cpu",
    "keras",
)


def described() -> list[tuple[str, str]]:
    """What and which, as lines of a table."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return [
        ("date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("processor", f"{_processor()}, {os.cpu_count()} cores"),
        ("memory", f"{_memory_gb():.0f} GB"),
        ("kernel", platform.release()),
        ("load average before (1, 5, 15 minutes)", load),
        ("Python", platform.python_version()),
        ("load generator", f"HTTP: {generators.name()}; gRPC: tests/bench/load/http2.py"),
        ("packages", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)),
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _processor() -> str:
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    for line in told.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
