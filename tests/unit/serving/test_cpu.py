"""The CPU limit of a container, in both versions of control groups."""

import os
from pathlib import Path

import pytest

from trellis.serving.cpu import cgroup_cpus, usable_cpus


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text, encoding="ascii")
    return root


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "garbage"}, None),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
    ],
    ids=["none", "v2 unlimited", "v2", "v2 unreadable", "v1 unlimited", "v1"],
)
def test_quota(tmp_path: Path, files: dict[str, str], cpus: float | None) -> None:
    assert cgroup_cpus(write(tmp_path, files)) == cpus


def test_a_quota_is_rounded_up_and_never_below_one(tmp_path: Path) -> None:
    assert usable_cpus(write(tmp_path, {"cpu.max": "1000 100000"})) == 1
    allowed = len(os.sched_getaffinity(0))
    assert usable_cpus(write(tmp_path, {"cpu.max": "150000 100000"})) == min(allowed, 2)
    assert usable_cpus(write(tmp_path, {"cpu.max": "9900000 100000"})) == allowed
