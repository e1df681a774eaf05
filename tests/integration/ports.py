"""Ports for the servers of tests.

A port that the kernel names is one that it may give to the next connection, or to another process's
probe, before the server listens there. These lie below the kernel's own range, and no two of the
processes that a run is shared out to look at the same ones.
"""

import itertools
import os
import random
import socket
from collections.abc import Iterator

_LOWEST, _EACH, _LANES = 20_000, 800, 12


def _numbers() -> Iterator[int]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    first = _LOWEST + int(worker) % _LANES * _EACH
    mine = list(range(first, first + _EACH))
    # Two runs on one machine begin at different places.
    begin = random.randrange(_EACH)
    return itertools.cycle(mine[begin:] + mine[:begin])


_next = _numbers()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that was given to nobody for a long time."""
    for port in itertools.islice(_next, _EACH):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"none of {_EACH} ports is free")


def free_ports(number: int) -> list[int]:
    """So many different ones."""
    return [free_port() for _ in range(number)]
