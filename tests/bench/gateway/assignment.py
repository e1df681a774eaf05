"""Who is assigned to which arm: how long it takes, and how exact the shares are.

Run as ``python -m tests.bench.gateway.assignment SECONDS``, it prints a JSON line.
"""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.gateway.figures import Figures, at_most
from tests.bench.measure import Pace, Tell
from tests.bench.processes import ROOT, SERVER_CORE, pinned
from trellis.contracts.intervals import Intervals, length, reweight
from trellis.gateway.assignment import UnitLine

KEY = "gateway-assignment"
_ARMS = 5
_CHANGES = 1000
_BATCH = 10_000


def measure(_scratch: Path, pace: Pace, tell: Tell) -> Figures:
    """A process on the server's core, after a long life of changes."""
    tell(f"{KEY}: assigning units for {pace.seconds:g} s")
    command = [sys.executable, "-m", "tests.bench.gateway.assignment", str(pace.seconds)]
    ran = subprocess.run(
        pinned(SERVER_CORE, command), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        raise RuntimeError(f"assignment failed: {ran.stderr[-1000:]}")
    found = json.loads(ran.stdout)
    return Figures(
        KEY,
        "gateway, assignment",
        (
            at_most("gateway: one assignment", 2, found["microseconds"], "µs"),
            at_most("gateway: largest error of a weight", 1e-9, found["error"], ""),
        ),
        ("arms", "changes of the weights", "intervals", "µs for one", "largest error of a weight"),
        (
            (
                str(_ARMS),
                f"{_CHANGES:,}",
                str(found["intervals"]),
                f"{found['microseconds']:.2f}",
                f"{found['error']:.1e}",
            ),
        ),
        "Hash of the unit and look-up of its arm, a loop in Python included, by CPU time; the fastest of many batches.",
    )


def lived(changes: int) -> tuple[dict[str, Intervals], float]:
    """The intervals after many changes of the weights, and the largest error of a share at any."""
    draw = random.Random(7)
    arms: dict[str, Intervals] = {}
    worst = 0.0
    for _ in range(changes):
        weights = {f"arm{place}": draw.random() for place in range(_ARMS)}
        total = sum(weights.values())
        arms = reweight(arms, weights)
        worst = max(worst, *(abs(length(arms[name]) - weights[name] / total) for name in arms))
    return arms, worst


def main() -> None:
    """Print what one assignment takes."""
    arms, error = lived(_CHANGES)
    line = UnitLine("a salt", list(arms.values()))
    units = [f"user-{number}".encode() for number in range(_BATCH)]
    arm_of, best = line.arm_of, float("inf")
    end = time.perf_counter() + float(sys.argv[1])
    while time.perf_counter() < end:
        began = time.process_time()
        for unit in units:
            arm_of(unit)
        best = min(best, time.process_time() - began)
    print(
        json.dumps(
            {
                "microseconds": best / _BATCH * 1e6,
                "intervals": sum(len(own) for own in arms.values()),
                "error": error,
            }
        )
    )


if __name__ == "__main__":
    main()
