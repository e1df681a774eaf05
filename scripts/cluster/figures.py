"""What a cluster costs: the memory of its nodes."""

import json
import re

from scripts.cluster.program import Program

_SIZE = re.compile(r"([0-9.]+)\s*([KMG]?i?B)")
_MIB = {"B": 2**-20, "KiB": 2**-10, "MiB": 1.0, "GiB": 2.0**10}


def memory(docker: Program, nodes: tuple[str, ...]) -> dict[str, float]:
    """MiB that each node uses now, all its pods included."""
    lines = docker("stats", "--no-stream", "--format", "{{json .}}", *nodes).splitlines()
    told = [json.loads(line) for line in lines]
    return {item["Name"]: mebibytes(item["MemUsage"]) for item in told}


def mebibytes(usage: str) -> float:
    """`1.5GiB / 23GiB` as 1536.0.

    :raises ValueError: where it does not begin with a size.
    """
    size = _SIZE.match(usage.strip())
    if not size or size[2] not in _MIB:
        raise ValueError(f"{usage!r} does not begin with a size in B, KiB, MiB or GiB")
    return float(size[1]) * _MIB[size[2]]
