"""How many processors this process may use: what the container's limit allows."""

import math
import os
from pathlib import Path


def cgroup_cpus(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """CPU quota of the control group in cores, version 2 or 1; ``None`` without a quota."""
    try:
        quota, period = (root / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            quota = (root / "cpu" / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (root / "cpu" / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        except OSError:
            return None
    if quota in ("max", "-1"):
        return None
    return int(quota) / int(period)


def usable_cpus(root: Path = Path("/sys/fs/cgroup")) -> int:
    """Whole processors to plan for: the quota rounded up, the affinity mask, at least 1."""
    allowed = len(os.sched_getaffinity(0))
    quota = cgroup_cpus(root)
    return max(1, allowed if quota is None else min(allowed, math.ceil(quota)))
